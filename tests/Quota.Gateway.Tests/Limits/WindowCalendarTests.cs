using System.Globalization;
using Quota.Gateway.Limits;

namespace Quota.Gateway.Tests.Limits;

/// <summary>Windows by the org's own clocks, over clock changes, in every zone.</summary>
public sealed class WindowCalendarTests
{
    [Theory]
    [InlineData("month", "Europe/Berlin", "2026-03-15T12:00:00Z", "2026-02-28T23:00:00Z", "2026-03-31T22:00:00Z")]
    [InlineData("month", "Europe/Berlin", "2026-10-31T22:59:59Z", "2026-09-30T22:00:00Z", "2026-10-31T23:00:00Z")]
    [InlineData("day", "Europe/Berlin", "2026-03-29T12:00:00Z", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z")]   // 23 hours
    [InlineData("day", "Europe/Berlin", "2026-10-25T12:00:00Z", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z")]   // 25 hours
    [InlineData("day", "America/Sao_Paulo", "2018-11-04T12:00:00Z", "2018-11-04T03:00:00Z", "2018-11-05T02:00:00Z")]   // midnight was skipped
    [InlineData("day", "America/Havana", "2026-11-01T12:00:00Z", "2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z")]   // midnight comes twice: the first
    [InlineData("hour", "Asia/Kolkata", "2026-05-05T10:10:00Z", "2026-05-05T09:30:00Z", "2026-05-05T10:30:00Z")]
    [InlineData("month", "Pacific/Auckland", "2026-12-31T11:00:00Z", "2026-12-31T11:00:00Z", "2027-01-31T11:00:00Z")]
    public void A_window_has_these_bounds(string kind, string zone, string at, string start, string end)
    {
        var window = WindowCalendar.Of(kind, TimeZoneInfo.FindSystemTimeZoneById(zone), Ms(at));
        window.ShouldBe((Ms(start), Ms(end)));
    }

    [Fact]
    public void Windows_of_every_zone_touch_and_hold_their_instants()
    {
        foreach (var zone in TimeZoneInfo.GetSystemTimeZones())
        {
            foreach (var kind in new[] { "day", "month" })
            {
                var at = Ms("2025-12-15T00:00:00Z");
                var end = WindowCalendar.Of(kind, zone, at).End;
                for (var i = 0; i < (kind == "day" ? 400 : 14); i++)
                {
                    var window = WindowCalendar.Of(kind, zone, end);
                    window.Start.ShouldBe(end, $"{zone.Id} {kind}");
                    WindowCalendar.Of(kind, zone, window.End - 1).ShouldBe(window, $"{zone.Id} {kind}");
                    end = window.End;
                }
            }
        }
    }

    private static long Ms(string text) => DateTimeOffset.Parse(text, CultureInfo.InvariantCulture).ToUnixTimeMilliseconds();
}
