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
}
