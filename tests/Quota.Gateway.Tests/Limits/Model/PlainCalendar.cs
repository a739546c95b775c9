using System.Globalization;
using System.Collections.Concurrent;
using Quota.Shared.ControlPlane;

namespace Quota.Gateway.Tests.Limits.Model;

/// <summary>
/// A second calendar to compare with: it knows no arithmetic, it watches the zone's clock on the wall, a quarter of an hour at a time.
/// A day begins at the first instant at which that clock shows its date or a later one; an hour at each instant at which the clock shows
/// a full hour or jumps into another hour.
/// </summary>
internal static class PlainCalendar
{
    private const long QuarterMs = 15 * 60_000;
    private static readonly string[] Weekdays = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];
    private static readonly ConcurrentDictionary<(string, DateTime), long> Midnights = new();

    public static (long Start, long End) Of(LimitWindow window, TimeZoneInfo zone, long at)
    {
        if (window.Kind == LimitWindow.Lifetime)
            return (0, long.MaxValue);
        if (window.Kind == "hour")
        {
            var quarter = at - Mod(at, QuarterMs);
            var (start, end) = (quarter, quarter + QuarterMs);
            while (!BeginsHour(zone, start))
                start -= QuarterMs;
            while (!BeginsHour(zone, end))
                end += QuarterMs;
            return (start, end);
        }
        var begin = WallClock(zone, at).Date.AddDays(2);
        while (!BeginsOn(window, begin) || MidnightOf(zone, begin) > at)
            begin = begin.AddDays(-1);
        var next = begin.AddDays(1);
        while (!BeginsOn(window, next))
            next = next.AddDays(1);
        return (MidnightOf(zone, begin), MidnightOf(zone, next));
    }

    private static bool BeginsHour(TimeZoneInfo zone, long at)
    {
        var (before, now) = (WallClock(zone, at - 1), WallClock(zone, at));
        return now.Minute == 0 || before.Hour != now.Hour || before.Date != now.Date;
    }

    private static bool BeginsOn(LimitWindow window, DateTime date)
    {
        var (month, day) = window.StartsOn is { Length: 5 } text ? (int.Parse(text[..2], CultureInfo.InvariantCulture), int.Parse(text[3..], CultureInfo.InvariantCulture)) : (1, 1);
        return window.Kind switch
        {
            "day" => true,
            "week" => Weekdays[(int)date.DayOfWeek] == (window.StartsOn ?? "monday"),
            "month" => IsDay(date, int.Parse(window.StartsOn ?? "1", CultureInfo.InvariantCulture)),
            "quarter" => (date.Month - month) % 3 == 0 && IsDay(date, day),
            "year" => date.Month == month && IsDay(date, day),
            _ => throw new ArgumentOutOfRangeException(nameof(window), window.Kind, "has no bounds"),
        };
    }

    private static bool IsDay(DateTime date, int day) => date.Day == day || (date.Day < day && date.AddDays(1).Month != date.Month);

    private static long MidnightOf(TimeZoneInfo zone, DateTime date) => Midnights.GetOrAdd((zone.Id, date), _ =>
    {
        var at = new DateTimeOffset(date, TimeSpan.Zero).ToUnixTimeMilliseconds() - 16 * 3_600_000;
        while (WallClock(zone, at) < date)
            at += QuarterMs;
        return at;
    });

    private static DateTime WallClock(TimeZoneInfo zone, long at)
    {
        var utc = DateTimeOffset.FromUnixTimeMilliseconds(at);
        return utc.UtcDateTime + zone.GetUtcOffset(utc);
    }

    private static long Mod(long value, long by) => (value % by + by) % by;
}
