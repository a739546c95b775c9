using System.Text.Json.Serialization;

namespace Quota.Shared.Usage;

/// <summary>
/// What one upstream call used, normalised over providers. All counts are 0 or more.
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

    /// <summary>Images sent; absent where the grammar has none.</summary>
    public long? Images { get; init; }

    /// <summary>Seconds of audio.</summary>
    public long? Seconds { get; init; }

    /// <summary>Characters to be spoken.</summary>
    public long? Characters { get; init; }

    /// <summary>Bytes of the request's body.</summary>
    public long? BytesIn { get; init; }

    /// <summary>A named unit's count (<see cref="ControlPlane.Meters.Units"/>); 0 when absent.</summary>
    public long Unit(string name) => name switch
    {
        "images" => Images,
        "seconds" => Seconds,
        "characters" => Characters,
        "bytes_in" => BytesIn,
        _ => throw new ArgumentOutOfRangeException(nameof(name), name, "not a unit"),
    } ?? 0;
}
