namespace Quota.Gateway.Spool;

/// <summary>Segments are files named by their numbers, which count from 1.</summary>
internal static class SegmentName
{
    private const string Ending = ".spool";

    public static string Of(int segment) => segment.ToString("D10", CultureInfo.InvariantCulture) + Ending;

    /// <summary>The segments in a folder, oldest first.</summary>
    public static IReadOnlyList<int> In(ISpoolDisk disk) =>
        [.. disk.Names().Select(NumberOf).Where(number => number > 0).Order()];

    private static int NumberOf(string name) =>
        name.EndsWith(Ending, StringComparison.Ordinal) && int.TryParse(name.AsSpan(0, name.Length - Ending.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : 0;
}
