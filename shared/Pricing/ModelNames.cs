using System.Globalization;

namespace Quota.Shared.Pricing;

/// <summary>
/// Under which other names the price of a model may stand: the one place that knows how providers spell a version of a model.
/// </summary>
/// <remarks>
/// <list type="bullet">
/// <item>OpenAI: <c>gpt-4o-2024-08-06</c> is a date of <c>gpt-4o</c>; Anthropic: <c>claude-sonnet-4-5-20250929</c> of
/// <c>claude-sonnet-4-5</c>, and so is <c>claude-3-5-sonnet-latest</c> of <c>claude-3-5-sonnet</c>; Vertex AI writes
/// <c>claude-sonnet-4-5@20250929</c>.</item>
/// <item>Gemini: <c>models/gemini-2.0-flash</c> is the resource's name of <c>gemini-2.0-flash</c>, <c>gemini-2.0-flash-001</c> its stable version.</item>
/// <item>Bedrock: <c>us.anthropic.claude-sonnet-4-5-20250929-v1:0</c> is the inference profile of a region; the model itself has no
/// <c>us.</c>, and <c>-v1:0</c> is the version of its packaging.</item>
/// <item>Azure: a deployment's name is the operator's own, so it says nothing.</item>
/// </list>
/// To add another spelling: a line in <see cref="WithoutPrefix"/>, <see cref="WithoutPackaging"/> or <see cref="WithoutDate"/>.
/// </remarks>
public static class ModelNames
{
    private static readonly string[] Regions = ["us.", "us-gov.", "eu.", "apac.", "jp.", "au.", "ca.", "global."];

    /// <summary>
    /// Less exact names, the most exact first; none of them is the name itself. A date is dropped last, because that may be another
    /// price; a region's prefix before it.
    /// </summary>
    public static IEnumerable<string> LessExact(string name)
    {
        var packaged = WithoutPackaging(name);
        string?[] tails = [name, packaged, WithoutDate(packaged ?? name)];
        return tails.OfType<string>().SelectMany(tail => new[] { tail, WithoutPrefix(tail) }).OfType<string>().Where(other => other != name).Distinct();
    }

    private static string? WithoutPrefix(string name)
    {
        if (name.StartsWith("models/", StringComparison.Ordinal) && name.Length > 7)
            return name[7..];
        // A region's prefix stands before a vendor's: us.anthropic.… - a model may be called us.something itself.
        var region = Regions.FirstOrDefault(region => name.StartsWith(region, StringComparison.Ordinal));
        return region is not null && name.IndexOf('.', region.Length) > region.Length ? name[region.Length..] : null;
    }

    /// <summary>Without <c>-v1:0</c> of Bedrock, or <c>-001</c> of Gemini.</summary>
    private static string? WithoutPackaging(string name)
    {
        var dash = name.LastIndexOf('-');
        if (dash <= 0)
            return null;
        var tail = name.AsSpan(dash + 1);
        var isBedrock = tail is ['v', ..] && tail.IndexOf(':') is > 1 and var colon && IsNumber(tail[1..colon]) && IsNumber(tail[(colon + 1)..]);
        var isGemini = name.Contains("gemini-", StringComparison.Ordinal) && tail is ['0', '0', >= '1' and <= '9'];
        return isBedrock || isGemini ? name[..dash] : null;
    }

    /// <summary>Without <c>-YYYY-MM-DD</c>, <c>-YYYYMMDD</c>, <c>@YYYYMMDD</c>, or <c>-latest</c>.</summary>
    private static string? WithoutDate(string name)
    {
        foreach (var (length, format) in new[] { (11, "-yyyy-MM-dd"), (9, "-yyyyMMdd"), (9, "@yyyyMMdd") })
        {
            if (name.Length > length && DateOnly.TryParseExact(name.AsSpan(name.Length - length), format, CultureInfo.InvariantCulture, DateTimeStyles.None, out var date) && date.Year is >= 2015 and < 2100)
                return name[..^length];
        }
        return name.Length > 7 && name.EndsWith("-latest", StringComparison.Ordinal) ? name[..^7] : null;
    }

    private static bool IsNumber(ReadOnlySpan<char> text) => text.Length > 0 && !text.ContainsAnyExceptInRange('0', '9');
}
