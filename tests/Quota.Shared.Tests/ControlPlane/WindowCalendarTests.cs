using System.Globalization;
using Quota.Shared.ControlPlane;

namespace Quota.Shared.Tests.ControlPlane;

/// <summary>Windows by the org's own clocks, over clock changes, in every zone, beginning on every day.</summary>
public sealed class WindowCalendarTests
{
    [Theory]
    [InlineData("month", null, "Europe/Berlin", "2026-03-15T12:00:00Z", "2026-02-28T23:00:00Z", "2026-03-31T22:00:00Z")]
    [InlineData("month", null, "Europe/Berlin", "2026-10-31T22:59:59Z", "2026-09-30T22:00:00Z", "2026-10-31T23:00:00Z")]
    [InlineData("month", null, "Pacific/Auckland", "2026-12-31T11:00:00Z", "2026-12-31T11:00:00Z", "2027-01-31T11:00:00Z")]
    [InlineData("month", "31", "UTC", "2026-02-27T23:59:59Z", "2026-01-31T00:00:00Z", "2026-02-28T00:00:00Z")]        // short months begin on their last day
    [InlineData("month", "31", "UTC", "2026-02-28T00:00:00Z", "2026-02-28T00:00:00Z", "2026-03-31T00:00:00Z")]
    [InlineData("month", "31", "UTC", "2026-04-30T12:00:00Z", "2026-04-30T00:00:00Z", "2026-05-31T00:00:00Z")]
    [InlineData("month", "29", "UTC", "2028-03-01T00:00:00Z", "2028-02-29T00:00:00Z", "2028-03-29T00:00:00Z")]
    [InlineData("month", "15", "UTC", "2026-01-14T00:00:00Z", "2025-12-15T00:00:00Z", "2026-01-15T00:00:00Z")]
    [InlineData("day", null, "Europe/Berlin", "2026-03-29T12:00:00Z", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z")]     // 23 hours
    [InlineData("day", null, "Europe/Berlin", "2026-10-25T12:00:00Z", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z")]     // 25 hours
    [InlineData("day", null, "America/Sao_Paulo", "2018-11-04T12:00:00Z", "2018-11-04T03:00:00Z", "2018-11-05T02:00:00Z")]    // midnight was skipped
    [InlineData("day", null, "America/Havana", "2026-11-01T12:00:00Z", "2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z")]     // midnight comes twice: the first
    [InlineData("day", null, "Pacific/Apia", "2011-12-30T10:00:00Z", "2011-12-30T10:00:00Z", "2011-12-31T10:00:00Z")]       // the 30th was skipped
    [InlineData("week", "sunday", "America/Sao_Paulo", "2018-11-04T12:00:00Z", "2018-11-04T03:00:00Z", "2018-11-11T02:00:00Z")]
    [InlineData("hour", null, "Asia/Kolkata", "2026-05-05T10:10:00Z", "2026-05-05T09:30:00Z", "2026-05-05T10:30:00Z")]
    [InlineData("hour", null, "Asia/Kathmandu", "2026-05-05T10:14:59Z", "2026-05-05T09:15:00Z", "2026-05-05T10:15:00Z")]
    [InlineData("hour", null, "Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-25T00:00:00Z", "2026-10-25T01:00:00Z")]    // 2 o'clock comes twice: two windows
    [InlineData("quarter", null, "UTC", "2026-06-30T23:59:59Z", "2026-04-01T00:00:00Z", "2026-07-01T00:00:00Z")]
    [InlineData("quarter", "02-01", "UTC", "2026-01-31T12:00:00Z", "2025-11-01T00:00:00Z", "2026-02-01T00:00:00Z")]
    [InlineData("quarter", "12-01", "UTC", "2026-12-01T00:00:00Z", "2026-12-01T00:00:00Z", "2027-03-01T00:00:00Z")]
    [InlineData("quarter", "11-30", "UTC", "2027-02-28T00:00:00Z", "2027-02-28T00:00:00Z", "2027-05-30T00:00:00Z")]
    [InlineData("year", null, "Asia/Tokyo", "2025-12-31T15:00:00Z", "2025-12-31T15:00:00Z", "2026-12-31T15:00:00Z")]
    [InlineData("year", "04-06", "Europe/London", "2026-04-05T22:59:59Z", "2025-04-05T23:00:00Z", "2026-04-05T23:00:00Z")]
    [InlineData("year", "02-28", "UTC", "2028-02-29T00:00:00Z", "2028-02-28T00:00:00Z", "2029-02-28T00:00:00Z")]
    [InlineData("year", "12-31", "UTC", "2026-12-30T00:00:00Z", "2025-12-31T00:00:00Z", "2026-12-31T00:00:00Z")]
    public void A_window_has_these_bounds(string kind, string? startsOn, string zone, string at, string start, string end) =>
        WindowCalendar.Of(Window(kind, startsOn), TimeZoneInfo.FindSystemTimeZoneById(zone), Ms(at)).ShouldBe((Ms(start), Ms(end)));

    [Theory]
    [InlineData("monday", "2026-11-23", "2026-11-30")]
    [InlineData("tuesday", "2026-11-24", "2026-12-01")]
    [InlineData("wednesday", "2026-11-25", "2026-12-02")]
    [InlineData("thursday", "2026-11-19", "2026-11-26")]
    [InlineData("friday", "2026-11-20", "2026-11-27")]
    [InlineData("saturday", "2026-11-21", "2026-11-28")]
    [InlineData("sunday", "2026-11-22", "2026-11-29")]
    [InlineData(null, "2026-11-23", "2026-11-30")]
    public void A_week_begins_on_its_day(string? startsOn, string start, string end) =>       // on a Wednesday, in New York
        WindowCalendar.Of(Window("week", startsOn), TimeZoneInfo.FindSystemTimeZoneById("America/New_York"), Ms("2026-11-26T04:59:59Z"))
            .ShouldBe((Ms(start + "T05:00:00Z"), Ms(end + "T05:00:00Z")));

    [Fact]
    public void A_lifetime_is_all_of_time() =>
        WindowCalendar.Of(Window("lifetime"), TimeZoneInfo.Utc, 12345).ShouldBe((0, long.MaxValue));

    [Theory]
    [InlineData("rate")]
    [InlineData("none")]
    [InlineData("fortnight")]
    public void Others_have_no_bounds(string kind) =>
        Should.Throw<ArgumentOutOfRangeException>(() => WindowCalendar.Of(Window(kind), TimeZoneInfo.Utc, 0));

    [Fact]
    public void Windows_of_every_zone_touch_and_hold_their_instants()
    {
        var windows = new[]
        {
            (Window("day"), 400), (Window("week"), 60), (Window("week", "saturday"), 60), (Window("month"), 14), (Window("month", "31"), 14),
            (Window("quarter"), 6), (Window("quarter", "08-31"), 6), (Window("year"), 4), (Window("year", "03-29"), 4),
        };
        foreach (var zone in TimeZoneInfo.GetSystemTimeZones())
        {
            foreach (var (window, count) in windows)
            {
                var end = WindowCalendar.Of(window, zone, Ms("2025-12-15T00:00:00Z")).End;
                for (var i = 0; i < count; i++)
                {
                    var next = WindowCalendar.Of(window, zone, end);
                    next.Start.ShouldBe(end, $"{zone.Id} {window}");
                    next.End.ShouldBeGreaterThan(end);
                    WindowCalendar.Of(window, zone, next.End - 1).ShouldBe(next, $"{zone.Id} {window}");
                    end = next.End;
                }
            }
        }
    }

    [Fact]
    public void Hours_of_every_zone_hold_their_instants_over_a_year()
    {
        var window = Window("hour");
        foreach (var zone in TimeZoneInfo.GetSystemTimeZones())
        {
            for (var at = Ms("2026-01-01T00:00:00Z"); at < Ms("2027-01-01T00:00:00Z"); at += 3 * 3_600_000 + 1_234_567)
            {
                var (start, end) = WindowCalendar.Of(window, zone, at);
                (start <= at && at < end && WindowCalendar.Of(window, zone, end).Start == end).ShouldBeTrue($"{zone.Id} {at}");
                var isCut = zone.GetUtcOffset(DateTimeOffset.FromUnixTimeMilliseconds(start - 1)) != zone.GetUtcOffset(DateTimeOffset.FromUnixTimeMilliseconds(end));
                (end - start).ShouldBeInRange(isCut ? 1 : 3_600_000, 3_600_000, $"{zone.Id} {at}");   // Lord Howe moves by half an hour, in the middle of one
            }
        }
    }

    private static LimitWindow Window(string kind, string? startsOn = null) => new() { Kind = kind, StartsOn = startsOn };

    private static long Ms(string text) => DateTimeOffset.Parse(text, CultureInfo.InvariantCulture).ToUnixTimeMilliseconds();
}
