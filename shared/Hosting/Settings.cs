using System.Globalization;
using Microsoft.Extensions.Configuration;

namespace Quota.Shared.Hosting;

/// <summary>
/// Reads typed settings from ordinary .NET configuration and notes every mistake in one report, with the name as people write it
/// (<c>Limits__HoldDeadline</c>). A setting that cannot be read yields its default, so that reading can go on.
/// </summary>
public sealed class Settings(IConfiguration configuration, SettingsReport report)
{
    public SettingsReport Report => report;

    public IConfiguration Configuration => configuration;

    /// <summary>Text, or null when absent or empty.</summary>
    public string? Text(string name) => configuration[Path(name)] is { Length: > 0 } text ? text : null;

    /// <summary>One of <paramref name="choices"/>; the first is the default.</summary>
    public string Choice(string name, params string[] choices)
    {
        var text = Text(name) ?? choices[0];
        if (choices.Contains(text))
            return text;
        report.Add(name, $"'{text}' is not known; use {string.Join(", ", choices)}");
        return choices[0];
    }

    /// <summary>A whole number between <paramref name="min"/> and <paramref name="max"/>.</summary>
    public long Number(string name, long fallback, long min, long max)
    {
        if (Text(name) is not { } text)
            return fallback;
        if (long.TryParse(text, NumberStyles.Integer, CultureInfo.InvariantCulture, out var value) && value >= min && value <= max)
            return value;
        report.Add(name, $"'{text}' must be a whole number from {min} to {max}");
        return fallback;
    }

    /// <summary>A decimal number between <paramref name="min"/> and <paramref name="max"/>, written with a point.</summary>
    public decimal Share(string name, decimal fallback, decimal min, decimal max)
    {
        if (Text(name) is not { } text)
            return fallback;
        if (decimal.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var value) && value >= min && value <= max)
            return value;
        report.Add(name, $"'{text}' must be a decimal from {min} to {max}");
        return fallback;
    }

    /// <summary>A duration: <c>500ms</c>, <c>60s</c>, <c>10m</c>, <c>24h</c>, or <c>00:01:00</c>.</summary>
    public TimeSpan Duration(string name, TimeSpan fallback, TimeSpan min, TimeSpan max)
    {
        if (Text(name) is not { } text)
            return fallback;
        if (TryDuration(text, out var value) && value >= min && value <= max)
            return value;
        report.Add(name, $"'{text}' must be a duration from {min} to {max}, such as 60s or 00:01:00");
        return fallback;
    }

    /// <summary>An absolute http or https address; null when absent.</summary>
    public Uri? Address(string name)
    {
        if (Text(name) is not { } text)
            return null;
        if (Uri.TryCreate(text, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https")
            return uri;
        report.Add(name, $"'{text}' must be an absolute address such as http://127.0.0.1:8090");
        return null;
    }

    private static string Path(string name) => name.Replace("__", ":", StringComparison.Ordinal);

    private static bool TryDuration(string text, out TimeSpan value)
    {
        foreach (var (suffix, unit) in new[] { ("ms", TimeSpan.FromMilliseconds(1)), ("s", TimeSpan.FromSeconds(1)), ("m", TimeSpan.FromMinutes(1)), ("h", TimeSpan.FromHours(1)) })
        {
            if (text.EndsWith(suffix, StringComparison.Ordinal)
                && long.TryParse(text[..^suffix.Length], NumberStyles.None, CultureInfo.InvariantCulture, out var count) && count < 1_000_000_000)
            {
                value = unit * count;
                return true;
            }
        }
        return TimeSpan.TryParseExact(text, "c", CultureInfo.InvariantCulture, out value);
    }
}
