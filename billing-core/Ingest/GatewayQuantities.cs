using Quota.Billing.Http;
using Quota.Shared.Usage;

namespace Quota.Billing.Ingest;

/// <summary>
/// The quantities that a gateway's event may carry. Below 0 they are in corrections only: those carry the truth minus what the event that
/// they correct says, and all sums are of both.
/// </summary>
internal static class GatewayQuantities
{
    /// <summary>Far above any real call, far below what would make a sum overflow.</summary>
    private const long MaxCount = 1_000_000_000_000_000;

    /// <summary>The first mistake, by field; null when there is none.</summary>
    public static string? Mistake(UsageEvent parsed) => CorrectsMistake(parsed) ?? CountMistake(parsed) ?? AmountMistake(parsed);

    private static string? CorrectsMistake(UsageEvent parsed) =>
        parsed.Corrects == Guid.Empty ? "corrects is the nil id, which no event has"
        : parsed.Corrects == parsed.Id ? "corrects names the event itself"
        : null;

    private static string? CountMistake(UsageEvent parsed)
    {
        if (parsed.Usage is not { } usage)
            return "usage is missing";
        var least = parsed.Corrects is null ? 0 : -MaxCount;
        foreach (var (field, count) in ((string, long)[])
        [
            ("requests", usage.Requests), ("input_tokens", usage.InputTokens), ("cached_input_tokens", usage.CachedInputTokens),
            ("cache_write_tokens", usage.CacheWriteTokens), ("cache_write_1h_tokens", usage.CacheWrite1hTokens ?? 0),
            ("output_tokens", usage.OutputTokens), ("reasoning_tokens", usage.ReasoningTokens),
            ("audio_input_tokens", usage.AudioInputTokens ?? 0), ("audio_output_tokens", usage.AudioOutputTokens ?? 0),
            ("image_tokens", usage.ImageTokens ?? 0), ("image_output_tokens", usage.ImageOutputTokens ?? 0), ("images", usage.Images ?? 0),
            ("seconds", usage.Seconds ?? 0), ("characters", usage.Characters ?? 0), ("bytes_in", usage.BytesIn ?? 0), ("bytes_out", usage.BytesOut ?? 0),
            .. (usage.ToolCalls?.Values ?? []).Select(calls => ("tool_calls", calls)),
        ])
        {
            if (count < least || count > MaxCount)
                return $"usage.{field} is {count}; it lies between {least} and {MaxCount}";
        }
        return null;
    }

    private static string? AmountMistake(UsageEvent parsed)
    {
        foreach (var (field, text) in new[] { ("cost", parsed.Cost), ("spend", parsed.Spend) })
        {
            if (text is null)
                continue;
            if (!DecimalText.TryParse(text, out var amount))
                return $"{field} is not a decimal";
            if (amount < 0 && parsed.Corrects is null)
                return $"{field} is {text}; it is below 0 only in an event that corrects another";
        }
        return parsed.Held is { } held && !DecimalText.TryParse(held, out _) ? "held is not a decimal" : null;
    }
}
