using Quota.Shared.Usage;

namespace Quota.Gateway.Shipping;

/// <summary>What a sink says to a batch.</summary>
internal abstract record ShipReply
{
    private ShipReply()
    {
    }

    /// <summary>Each event is stored for good, or never will be: one result for each, in the batch's order.</summary>
    public sealed record Stored(IReadOnlyList<ShipResult> Results) : ShipReply;

    /// <summary>Nothing is stored, because of what is in the batch.</summary>
    public sealed record Refused(string Reason) : ShipReply;

    /// <summary>Not stored, or unknown: to be sent again.</summary>
    /// <param name="After">Not before this time has passed, if the sink says so.</param>
    /// <param name="IsFault">Will not pass by itself: somebody has to put settings right.</param>
    public sealed record Later(string Problem, TimeSpan? After = null, bool IsFault = false) : ShipReply;
}
