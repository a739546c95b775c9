namespace Quota.Gateway.Spool;

/// <summary>A place in the log: segments count from 1, offsets from 0. Before it everything has been written, fsynced or shipped.</summary>
internal readonly record struct SpoolPosition(int Segment, long Offset) : IComparable<SpoolPosition>
{
    public int CompareTo(SpoolPosition other) => (Segment, Offset).CompareTo((other.Segment, other.Offset));

    public static string PathOf(string folder, int segment) => Path.Combine(folder, segment.ToString("D10", CultureInfo.InvariantCulture) + ".spool");

    /// <summary>The segments in a folder, oldest first.</summary>
    public static IReadOnlyList<int> Segments(string folder) =>
        [.. Directory.EnumerateFiles(folder, "*.spool").Select(path => int.Parse(Path.GetFileNameWithoutExtension(path), CultureInfo.InvariantCulture)).Order()];
}
