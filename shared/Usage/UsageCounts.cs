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

    public long CacheWriteTokens { get; init; }

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
