using Quota.Gateway.Limits.Store;
using Quota.Gateway.Spool;

namespace Quota.Gateway.Shipping;

/// <summary>
/// How far time is done with here: every event whose <c>at</c> is older has been confirmed, and none so old will come (protocols.md, E1).
/// </summary>
/// <remarks>
/// First it is promised that no event older than an instant will be put in the log from now on; then everything that is in the log by then is
/// shipped; then the promise is told. So nothing has to be known of the events between: a backlog of any size, found at a start or grown while
/// the core was away, only delays it.
/// </remarks>
internal sealed class Watermark(CallSpool spool, WatermarkClock clock)
{
    private readonly Lock _gate = new();
    private (long At, SpoolPosition Through)? _promise;
    private long? _told;
    private SpoolPosition _confirmed;

    /// <summary>Null until it is known.</summary>
    public DateTimeOffset? Told
    {
        get { lock (_gate) return _told is { } ms ? DateTimeOffset.FromUnixTimeMilliseconds(ms) : null; }
    }

    /// <summary>Everything before <paramref name="confirmed"/> is confirmed.</summary>
    public void Confirm(SpoolPosition confirmed)
    {
        lock (_gate)
            _confirmed = confirmed;
        Advance();
    }

    /// <summary>Time has passed.</summary>
    public void Advance()
    {
        lock (_gate)
        {
            Keep();
            if (_promise is not null || clock.NowMs() is not { } now)
                return;
            // The order matters: an event that was not open any more when the promise was made lies before the end that is read after it.
            var at = spool.OpenEvents.Promise(now - clock.MarginMs);
            _promise = (at, spool.End);
            Keep();
        }
    }

    private void Keep()
    {
        if (_promise is not { } promise || _confirmed.CompareTo(promise.Through) < 0)
            return;
        (_told, _promise) = (promise.At, null);
    }
}

/// <summary>The clock that events have their <c>at</c> from, Unix milliseconds; it says null until Redis's has been seen.</summary>
/// <param name="MarginMs">
/// Between a reserve, which fixes the instant, and the begin record lies at most the reserve's horizon, unless the process stands still. Ten times
/// that, as receipts live: a call that comes even later is refused, so the margin decides only how rarely.
/// </param>
internal sealed record WatermarkClock(Func<long?> NowMs, long MarginMs)
{
    public static WatermarkClock Of(StoreConnection store, Limits.LimitsOptions limits) =>
        new(() => store.HasLearned ? store.NowMs : null, 10 * (long)limits.RedisTimeout.TotalMilliseconds);
}
