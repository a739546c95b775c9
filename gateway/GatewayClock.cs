namespace Quota.Gateway;

/// <summary>
/// The gateway's clock. A test clock's offset arrives with the control snapshot and moves everything that chooses windows, prices
/// and ids; deadlines, leases and time-outs stay on <see cref="RealNow"/>. In production there is no offset.
/// </summary>
internal sealed class GatewayClock(TimeProvider real) : TimeProvider
{
    private long _offsetMs;
    private volatile bool _shifted;

    /// <summary>Milliseconds that the test clock is ahead; null in production.</summary>
    public long? OffsetMs => _shifted ? Volatile.Read(ref _offsetMs) : null;

    public DateTimeOffset RealNow => real.GetUtcNow();

    public override DateTimeOffset GetUtcNow() => _shifted ? RealNow.AddMilliseconds(Volatile.Read(ref _offsetMs)) : RealNow;

    public override long GetTimestamp() => real.GetTimestamp();

    public override long TimestampFrequency => real.TimestampFrequency;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) => real.CreateTimer(callback, state, dueTime, period);

    public void Shift(long? offsetMs)
    {
        Volatile.Write(ref _offsetMs, offsetMs ?? 0);
        _shifted = offsetMs is not null;
    }
}
