namespace Quota.Gateway.Limits;

/// <summary>
/// The only file with calendar sums in the gateway. A window is half-open, <c>[Start, End)</c>, in Unix milliseconds; its bounds are
/// the instants at which the zone's own clocks pass an hour, a midnight or a month's first midnight. Where a clock change skips that
/// local time, the bound is the instant of the change; where it repeats, the first.
/// </summary>
internal static class WindowCalendar
{
    /// <summary>The window of <paramref name="kind"/> (<c>hour</c>, <c>day</c>, <c>month</c>) that holds the instant.</summary>
    public static (long Start, long End) Of(string kind, TimeZoneInfo zone, long unixMs)
    {
        if (kind == "hour")
        {
            // An hour is an hour of real time, aligned to the zone's offset (India's are half past ours).
            var offset = (long)zone.GetUtcOffset(DateTimeOffset.FromUnixTimeMilliseconds(unixMs)).TotalMilliseconds;
            var start = Math.DivRem(unixMs + offset, 3_600_000).Quotient * 3_600_000 - offset;
            return (start, start + 3_600_000);
        }
        var local = TimeZoneInfo.ConvertTime(DateTimeOffset.FromUnixTimeMilliseconds(unixMs), zone).Date;
        var (from, to) = kind switch
        {
            "day" => (local, local.AddDays(1)),
            "month" => (new DateTime(local.Year, local.Month, 1), new DateTime(local.Year, local.Month, 1).AddMonths(1)),
            _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "hour, day or month"),
        };
        return (InstantOf(from, zone), InstantOf(to, zone));
    }

    private static long InstantOf(DateTime local, TimeZoneInfo zone)
    {
        if (zone.IsInvalidTime(local))
        {
            // The clocks jump over this local time: the bound is the jump itself, found as the first valid minute's instant.
            while (zone.IsInvalidTime(local))
                local = local.AddMinutes(1);
        }
        var offset = zone.IsAmbiguousTime(local) ? zone.GetAmbiguousTimeOffsets(local).Max() : zone.GetUtcOffset(local);
        return new DateTimeOffset(local, offset).ToUnixTimeMilliseconds();
    }
}
