namespace Quota.Billing.Clock;

/// <summary>
/// The core's time: real time plus the test clock's offset, which is zero in production. Only <see cref="GetUtcNow"/> is moved;
/// timers and time stamps for durations stay real. Thread-safe.
/// </summary>
internal sealed class CoreClock(TimeProvider real) : TimeProvider
{
    private long _offsetMs;

    public CoreClock()
        : this(System)
    {
    }

    /// <summary>How far this clock is ahead of real time; 0 in production.</summary>
    public long OffsetMs
    {
        get => Interlocked.Read(ref _offsetMs);
        set => Interlocked.Exchange(ref _offsetMs, value);
    }

    public override DateTimeOffset GetUtcNow() => real.GetUtcNow() + TimeSpan.FromMilliseconds(OffsetMs);

    public override long GetTimestamp() => real.GetTimestamp();

    public override long TimestampFrequency => real.TimestampFrequency;

    public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
        real.CreateTimer(callback, state, dueTime, period);
}
