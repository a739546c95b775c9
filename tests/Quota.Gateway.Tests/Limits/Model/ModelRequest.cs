using Quota.Gateway.Limits.Store;

namespace Quota.Gateway.Tests.Limits.Model;

/// <summary>A request that was held or charged once.</summary>
internal sealed class ModelRequest(IReadOnlyList<ModelPart> parts)
{
    public IReadOnlyList<ModelPart> Parts => parts;

    public string State { get; set; } = "held";

    public long Sequence { get; set; }

    public ModelReserve? Reserved { get; init; }

    public long[]? Added { get; set; }

    /// <summary>When its provisional charge was made.</summary>
    public long ReapedAt { get; set; }

    /// <summary>Its deadline passes within milliseconds.</summary>
    public bool IsShort { get; set; }

    /// <summary>Answers what puts the request and its counters back as they are now.</summary>
    public Action Remember()
    {
        var (state, sequence, added, reapedAt, isShort) = (State, Sequence, Added, ReapedAt, IsShort);
        var putBack = () => { (State, Sequence, Added, ReapedAt, IsShort) = (state, sequence, added, reapedAt, isShort); };
        foreach (var part in parts)
            putBack += part.Remember();
        return putBack;
    }
}

/// <summary>What a reserve must answer.</summary>
internal sealed record ModelReserve(StoreOutcome Outcome, long Output, IReadOnlyList<ModelLine> Lines)
{
    public ModelPart? Unseeded { get; init; }
}

/// <summary>A counter as a reserve saw it, without the request itself.</summary>
internal sealed record ModelLine(long Used, long Held, long Quantity);
