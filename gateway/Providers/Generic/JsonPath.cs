namespace Quota.Gateway.Providers.Generic;

/// <summary>A place in a JSON text: names parted by dots, places of arrays in brackets from 0, such as <c>data.items[0].count</c>.</summary>
internal sealed class JsonPath
{
    private const int MostSteps = 16, MostLetters = 64;

    private JsonPath(IReadOnlyList<Step> steps) => Steps = steps;

    public IReadOnlyList<Step> Steps { get; }

    /// <summary>Null when it is not written so: names have letters, digits, <c>_</c> and <c>-</c>, up to 64; at most 16 steps.</summary>
    public static JsonPath? Parse(string text)
    {
        var steps = new List<Step>();
        foreach (var part in text.Split('.'))
        {
            var name = part.Split('[')[0];
            if (name.Length is 0 or > MostLetters || !name.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-'))
                return null;
            steps.Add(new Step(name, 0));
            for (var rest = part[name.Length..]; rest.Length > 0;)
            {
                var end = rest.IndexOf(']', StringComparison.Ordinal);
                if (rest[0] != '[' || end < 0 || !int.TryParse(rest[1..end], NumberStyles.None, CultureInfo.InvariantCulture, out var index))
                    return null;
                steps.Add(new Step(null, index));
                rest = rest[(end + 1)..];
            }
        }
        return steps.Count <= MostSteps ? new JsonPath(steps) : null;
    }

    /// <param name="Name">The field to go into; null for a place in an array.</param>
    internal readonly record struct Step(string? Name, int Index);
}
