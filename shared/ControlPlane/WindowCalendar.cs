using System.Globalization;

namespace Quota.Shared.ControlPlane;

/// <summary>
/// The only file with calendar sums of limits; gateway and core use the same. A window is half-open, <c>[Start, End)</c>, in Unix
/// milliseconds; its bounds are the instants at which the zone's own clocks pass an hour, a midnight or the first midnight of a week,
/// month, quarter or year. Where a clock change skips that local time, the bound is the instant of the change; where it repeats, the first.
/// </summary>
public static class WindowCalendar
{
    private const long HourMs = 3_600_000;
    private static readonly string[] Weekdays = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];

    /// <summary>The calendar window that holds the instant; all of time for a lifetime.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A rate or no window: those have no bounds.</exception>
    public static (long Start, long End) Of(LimitWindow window, TimeZoneInfo zone, long unixMs)
    {
        if (window.Kind == LimitWindow.Lifetime)
            return (0, long.MaxValue);
        if (window.Kind == "hour")
            return Hour(zone, unixMs);
        var local = TimeZoneInfo.ConvertTime(DateTimeOffset.FromUnixTimeMilliseconds(unixMs), zone).Date;
        // Around a clock change at midnight the local date alone may point beside the window: step until the instant lies inside.
        var from = Latest(window, local.AddDays(1));
        while (InstantOf(from, zone) > unixMs)
            from = Latest(window, from.AddDays(-1));
        return (InstantOf(from, zone), InstantOf(Following(window, from), zone));
    }

    /// <summary>
    /// An hour is an hour of real time, aligned to the zone's offset (India's are half past ours). Where the offset changes in its middle
    /// (Lord Howe moves by half an hour), it ends there, and another begins.
    /// </summary>
    private static (long Start, long End) Hour(TimeZoneInfo zone, long unixMs)
    {
        var offset = OffsetMs(zone, unixMs);
        var start = (long)Math.Floor((decimal)(unixMs + offset) / HourMs) * HourMs - offset;
        var end = start + HourMs;
        return (OffsetMs(zone, start) == offset ? start : ChangeIn(zone, start, unixMs), OffsetMs(zone, end - 1) == offset ? end : ChangeIn(zone, unixMs, end - 1));
    }

    /// <summary>The first instant after <paramref name="before"/> with the offset of <paramref name="after"/>.</summary>
    private static long ChangeIn(TimeZoneInfo zone, long before, long after)
    {
        var offset = OffsetMs(zone, after);
        while (after - before > 1)
        {
            var middle = before + (after - before) / 2;
            if (OffsetMs(zone, middle) == offset)
                after = middle;
            else
                before = middle;
        }
        return after;
    }

    private static long OffsetMs(TimeZoneInfo zone, long unixMs) => (long)zone.GetUtcOffset(DateTimeOffset.FromUnixTimeMilliseconds(unixMs)).TotalMilliseconds;

    /// <summary>Whether <see cref="LimitWindow.StartsOn"/> suits the window's kind.</summary>
    public static bool CanStartOn(LimitWindow window) => window.Kind switch
    {
        "week" => Weekdays.Contains(window.StartsOn),
        "month" => int.TryParse(window.StartsOn, NumberStyles.None, CultureInfo.InvariantCulture, out var day) && day is >= 1 and <= 31,
        "quarter" or "year" => window.StartsOn is { Length: 5 } text && DateOnly.TryParseExact("2001-" + text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out _),
        _ => false,
    };

    /// <summary>The latest local date, not after this one, at which a window begins.</summary>
    private static DateTime Latest(LimitWindow window, DateTime date) => window.Kind switch
    {
        "day" => date,
        "week" => date.AddDays(-(((int)date.DayOfWeek - WeekdayOf(window) + 7) % 7)),
        "month" => LatestMonth(date, Day(window.StartsOn), 1, 0),
        "quarter" => LatestMonth(date, Anchor(window).Day, 3, Anchor(window).Month - 1),
        "year" => LatestMonth(date, Anchor(window).Day, 12, Anchor(window).Month - 1),
        _ => throw new ArgumentOutOfRangeException(nameof(window), window.Kind, "has no bounds"),
    };

    private static DateTime Following(LimitWindow window, DateTime from) => window.Kind switch
    {
        "day" => from.AddDays(1),
        "week" => from.AddDays(7),
        "month" => On(from.Year, from.Month - 1 + 1, Day(window.StartsOn)),
        "quarter" => On(from.Year, from.Month - 1 + 3, Anchor(window).Day),
        _ => On(from.Year + 1, from.Month - 1, Anchor(window).Day),
    };

    /// <summary>The latest begin among the months <paramref name="anchor"/> + k · <paramref name="step"/>.</summary>
    private static DateTime LatestMonth(DateTime date, int day, int step, int anchor)
    {
        var month = date.Month - 1;
        var begin = month - ((month - anchor) % step + step) % step;
        var on = On(date.Year, begin, day);
        return on <= date ? on : On(date.Year, begin - step, day);
    }

    /// <summary>A day of the month <paramref name="month"/> (0 is January; beyond 11 and below 0 lie other years), its last day when it has not so many.</summary>
    private static DateTime On(int year, int month, int day)
    {
        var first = new DateTime(year, 1, 1).AddMonths(month);
        return first.AddDays(Math.Min(day, DateTime.DaysInMonth(first.Year, first.Month)) - 1);
    }

    private static int WeekdayOf(LimitWindow window) => Array.IndexOf(Weekdays, window.StartsOn ?? "monday");

    private static int Day(string? startsOn) => startsOn is null ? 1 : int.Parse(startsOn, CultureInfo.InvariantCulture);

    private static DateTime Anchor(LimitWindow window) => DateTime.ParseExact("2001-" + (window.StartsOn ?? "01-01"), "yyyy-MM-dd", CultureInfo.InvariantCulture);

    private static long InstantOf(DateTime local, TimeZoneInfo zone)
    {
        // The clocks jump over this local time: the bound is the jump itself, found as the first valid minute's instant.
        while (zone.IsInvalidTime(local))
            local = local.AddMinutes(1);
        var offset = zone.IsAmbiguousTime(local) ? zone.GetAmbiguousTimeOffsets(local).Max() : zone.GetUtcOffset(local);
        return new DateTimeOffset(local, offset).ToUnixTimeMilliseconds();
    }
}
