using System.Text.Json.Serialization;

namespace Quota.Shared.Usage;

/// <summary>
/// What one upstream call used, normalised over providers. All counts are 0 or more, but for those of an event that corrects another: they are what is to be added to it.
/// <see cref="InputTokens"/> is all input (cached included), <see cref="OutputTokens"/> all output (reasoning included).
/// </summary>
public sealed record UsageCounts
{
    /// <summary>1 for a call that the provider bills, 0 for a failed one.</summary>
    public long Requests { get; init; }

    public long InputTokens { get; init; }

    public long CachedInputTokens { get; init; }

    /// <summary>All input that was written to a cache, whatever its lifetime.</summary>
    public long CacheWriteTokens { get; init; }

    /// <summary>Of <see cref="CacheWriteTokens"/>, those that are kept for an hour; absent where the grammar knows no lifetimes.</summary>
    [JsonPropertyName("cache_write_1h_tokens")]
    public long? CacheWrite1hTokens { get; init; }

    public long OutputTokens { get; init; }

    public long ReasoningTokens { get; init; }

    /// <summary>Of <see cref="InputTokens"/>, those that are audio; absent where the grammar has none, as all below.</summary>
    public long? AudioInputTokens { get; init; }

    /// <summary>Of <see cref="OutputTokens"/>, those that are audio.</summary>
    public long? AudioOutputTokens { get; init; }

    /// <summary>Of <see cref="InputTokens"/>, those that are images.</summary>
    public long? ImageTokens { get; init; }

    /// <summary>Of <see cref="OutputTokens"/>, those that are images.</summary>
    public long? ImageOutputTokens { get; init; }

    /// <summary>Images sent in a chat, images made by an image endpoint.</summary>
    public long? Images { get; init; }

    /// <summary>Seconds of audio.</summary>
    public long? Seconds { get; init; }

    /// <summary>Characters to be spoken.</summary>
    public long? Characters { get; init; }

    /// <summary>Bytes of the request's body.</summary>
    public long? BytesIn { get; init; }

    /// <summary>Bytes of the answer's body.</summary>
    public long? BytesOut { get; init; }

    /// <summary>Calls of tools that the provider runs and bills, by the tool's name, e.g. <c>{"web_search": 2}</c>; never empty.</summary>
    public IReadOnlyDictionary<string, long>? ToolCalls
    {
        get;
        init => field = ValueMap<long>.Of(value);
    }

    /// <summary>A named unit's count (<see cref="ControlPlane.Meters.Units"/>); 0 when absent.</summary>
    public long Unit(string name) => name switch
    {
        "images" => Images,
        "seconds" => Seconds,
        "characters" => Characters,
        "bytes_in" => BytesIn,
        _ => throw new ArgumentOutOfRangeException(nameof(name), name, "not a unit"),
    } ?? 0;

    /// <summary>What must be added to <paramref name="other"/> to make it this: counts below 0 where that says too much.</summary>
    public UsageCounts Minus(UsageCounts other)
    {
        static long? Of(long? more, long? less) => more is null && less is null ? null : (more ?? 0) - (less ?? 0);
        var tools = (ToolCalls?.Keys ?? []).Union(other.ToolCalls?.Keys ?? []).ToDictionary(name => name, name => (ToolCalls?.GetValueOrDefault(name) ?? 0) - (other.ToolCalls?.GetValueOrDefault(name) ?? 0));
        return new UsageCounts
        {
            Requests = Requests - other.Requests,
            InputTokens = InputTokens - other.InputTokens,
            CachedInputTokens = CachedInputTokens - other.CachedInputTokens,
            CacheWriteTokens = CacheWriteTokens - other.CacheWriteTokens,
            CacheWrite1hTokens = Of(CacheWrite1hTokens, other.CacheWrite1hTokens),
            OutputTokens = OutputTokens - other.OutputTokens,
            ReasoningTokens = ReasoningTokens - other.ReasoningTokens,
            AudioInputTokens = Of(AudioInputTokens, other.AudioInputTokens),
            AudioOutputTokens = Of(AudioOutputTokens, other.AudioOutputTokens),
            ImageTokens = Of(ImageTokens, other.ImageTokens),
            ImageOutputTokens = Of(ImageOutputTokens, other.ImageOutputTokens),
            Images = Of(Images, other.Images),
            Seconds = Of(Seconds, other.Seconds),
            Characters = Of(Characters, other.Characters),
            BytesIn = Of(BytesIn, other.BytesIn),
            BytesOut = Of(BytesOut, other.BytesOut),
            ToolCalls = tools,
        };
    }
}
