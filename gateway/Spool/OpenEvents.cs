namespace Quota.Gateway.Spool;

/// <summary>
/// The instants of the events that are still to come: of calls that are begun and not ended, and of estimates that the truth may yet correct.
/// Holds what was promised of them (protocols.md, E1): a call that is older than the promise is not begun any more.
/// </summary>
/// <remarks>
/// Only the last is proof. A margin makes it rare, but a process may stand still between the reserve, which has the instant, and the begin
/// record for longer than any margin.
/// </remarks>
internal sealed class OpenEvents
{
    private readonly Lock _gate = new();
    private readonly Dictionary<(Guid Call, bool IsTruth), long> _at = [];
    private long _promised = long.MinValue;

    /// <summary>An event of this instant will come. False when it was promised that none so old would: it must not.</summary>
    public bool TryBegin(Guid call, DateTimeOffset at)
    {
        lock (_gate)
        {
            if (at.ToUnixTimeMilliseconds() < _promised)
                return false;
            _at[(call, false)] = at.ToUnixTimeMilliseconds();
            return true;
        }
    }

    /// <summary>The event is in the log.</summary>
    public void End(Guid call)
    {
        lock (_gate)
            _at.Remove((call, false));
    }

    /// <summary>The event of an open call will be an estimate, which another event of the same instant may correct; said before it ends.</summary>
    public void AwaitTruth(Guid call, DateTimeOffset at)
    {
        lock (_gate)
            _at[(call, true)] = at.ToUnixTimeMilliseconds();
    }

    /// <summary>Whatever corrects the call's estimate has been begun.</summary>
    public void HaveTruth(Guid call)
    {
        lock (_gate)
            _at.Remove((call, true));
    }

    /// <summary>From now on no event older than the answer is put in the log: it is <paramref name="nowMs"/> or the oldest that is still to come, and never falls.</summary>
    public long Promise(long nowMs)
    {
        lock (_gate)
        {
            var oldest = nowMs;
            foreach (var at in _at.Values)
                oldest = Math.Min(oldest, at);
            return _promised = Math.Max(_promised, oldest);
        }
    }
}
