using System.Globalization;
using CsCheck;
using Quota.Billing.Invoicing;

namespace Quota.Billing.Tests.Invoicing;

public sealed class BillingPeriodTests
{
    private static readonly string[] Zones = ["UTC", "Europe/Berlin", "America/St_Johns", "Pacific/Apia", "Asia/Beirut", "Africa/Cairo", "America/Sao_Paulo"];

    [Theory]
    // the zone decides which month an instant belongs to
    [InlineData("UTC", "2026-11-15T12:00:00Z", "2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z")]
    [InlineData("UTC", "2026-12-01T00:00:00Z", "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z")]
    [InlineData("UTC", "2026-11-30T23:59:59.9999999Z", "2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z")]
    [InlineData("Europe/Berlin", "2026-11-30T23:00:00Z", "2026-11-30T23:00:00Z", "2026-12-31T23:00:00Z")]
    [InlineData("Europe/Berlin", "2026-11-30T22:59:59Z", "2026-10-31T23:00:00Z", "2026-11-30T23:00:00Z")]
    [InlineData("Pacific/Kiritimati", "2026-10-31T10:00:00Z", "2026-10-31T10:00:00Z", "2026-11-30T10:00:00Z")]
    [InlineData("Asia/Kathmandu", "2026-02-15T00:00:00Z", "2026-01-31T18:15:00Z", "2026-02-28T18:15:00Z")]
    // months with a change of clocks
    [InlineData("Europe/Berlin", "2026-03-15T00:00:00Z", "2026-02-28T23:00:00Z", "2026-03-31T22:00:00Z")]
    [InlineData("Europe/Berlin", "2026-10-15T00:00:00Z", "2026-09-30T22:00:00Z", "2026-10-31T23:00:00Z")]
    [InlineData("America/New_York", "2026-11-15T00:00:00Z", "2026-11-01T04:00:00Z", "2026-12-01T05:00:00Z")]
    public void A_calendar_month(string zone, string at, string from, string to) =>
        BillingCalendar.Calendar(Zone(zone)).Containing(At(at)).ShouldBe(new BillingPeriod(At(from), At(to)));

    [Theory]
    [InlineData("2026-01-31T09:00:00Z", "2026-02-10T00:00:00Z", "2026-01-31T00:00:00Z", "2026-02-28T00:00:00Z")]
    [InlineData("2026-01-31T09:00:00Z", "2026-03-01T00:00:00Z", "2026-02-28T00:00:00Z", "2026-03-31T00:00:00Z")]
    [InlineData("2026-01-31T09:00:00Z", "2026-04-30T00:00:00Z", "2026-04-30T00:00:00Z", "2026-05-31T00:00:00Z")]
    [InlineData("2026-01-31T09:00:00Z", "2028-02-29T00:00:00Z", "2028-02-29T00:00:00Z", "2028-03-31T00:00:00Z")]
    [InlineData("2026-01-30T00:00:00Z", "2026-02-28T00:00:00Z", "2026-02-28T00:00:00Z", "2026-03-30T00:00:00Z")]
    [InlineData("2026-01-29T00:00:00Z", "2028-02-29T12:00:00Z", "2028-02-29T00:00:00Z", "2028-03-29T00:00:00Z")]
    [InlineData("2026-01-15T18:00:00Z", "2026-12-31T00:00:00Z", "2026-12-15T00:00:00Z", "2027-01-15T00:00:00Z")]
    public void An_anniversary_month_ends_on_the_last_day_where_the_month_is_too_short(string start, string at, string from, string to) =>
        BillingCalendar.Anniversary(TimeZoneInfo.Utc, At(start)).Containing(At(at)).ShouldBe(new BillingPeriod(At(from), At(to)));

    [Fact]
    public void The_anniversary_is_the_local_day() =>
        // 23:30 UTC on the 14th is already the 15th in Berlin.
        BillingCalendar.Anniversary(Zone("Europe/Berlin"), At("2026-01-14T23:30:00Z")).Containing(At("2026-02-01T00:00:00Z"))
            .ShouldBe(new BillingPeriod(At("2026-01-14T23:00:00Z"), At("2026-02-14T23:00:00Z")));

    [Theory]
    // Clocks go from 24:00 to 01:00 in Beirut (29 March 2026): that day starts at 01:00.
    [InlineData("Asia/Beirut", "2026-01-29T12:00:00Z", "2026-03-29T12:00:00Z", "2026-03-28T22:00:00Z")]
    // Clocks go from 01:00 back to 00:00 in Havana (1 November 2026): the day starts at the first of the two midnights.
    [InlineData("America/Havana", "2026-01-01T12:00:00Z", "2026-11-05T12:00:00Z", "2026-11-01T04:00:00Z")]
    public void A_day_without_or_with_two_midnights_starts_at_its_first_instant(string zone, string start, string at, string from) =>
        BillingCalendar.Anniversary(Zone(zone), At(start)).Containing(At(at)).From.ShouldBe(At(from));

    [Theory]
    [InlineData("UTC", "2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z", 30, 30)]
    [InlineData("UTC", "2026-11-11T08:00:00Z", "2026-12-01T00:00:00Z", 20, 30)]      // the first day counts
    [InlineData("UTC", "2026-11-01T00:00:00Z", "2026-11-10T00:00:00Z", 9, 30)]       // the 10th was not used
    [InlineData("UTC", "2026-11-01T00:00:00Z", "2026-11-10T00:00:01Z", 10, 30)]      // now it was
    [InlineData("UTC", "2028-02-15T00:00:00Z", "2028-03-01T00:00:00Z", 15, 29)]
    [InlineData("Europe/Berlin", "2026-03-15T12:00:00Z", "2026-03-31T22:00:00Z", 17, 31)]
    [InlineData("Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-31T23:00:00Z", 7, 31)]
    public void Part_of_a_month_owes_the_days_it_touches(string zone, string from, string to, int days, int of) =>
        BillingCalendar.Calendar(Zone(zone)).Share(new BillingPeriod(At(from), At(to))).ShouldBe((days, of));

    [Fact]
    public void Periods_follow_each_other_without_gap_in_every_zone() =>
        Gen.Select(Gen.Int[0, Zones.Length - 1].Select(index => Zones[index]), Gen.Int[1, 31], Gen.Int[0, 9000])
            .Sample((zone, day, offset) =>
            {
                var start = At("2005-01-01T12:00:00Z").AddDays(day - 1);
                var calendar = BillingCalendar.Anniversary(Zone(zone), start);
                var period = calendar.Containing(start.AddDays(offset));
                (period.From <= start.AddDays(offset) && start.AddDays(offset) < period.To).ShouldBeTrue();
                for (var month = 0; month < 12; month++)
                {
                    var next = calendar.After(period);
                    next.From.ShouldBe(period.To);
                    calendar.Containing(next.From).ShouldBe(next);
                    (next.To - next.From).TotalDays.ShouldBeInRange(27, 32);
                    var (days, of) = calendar.Share(next);
                    days.ShouldBe(of);
                    period = next;
                }
            }, iter: 500);

    [Fact]
    public void A_customer_who_moves_has_no_hours_lost_and_no_tiny_period()
    {
        var berlin = BillingCalendar.Calendar(Zone("Europe/Berlin")).Containing(At("2026-11-15T00:00:00Z"));
        var next = BillingCalendar.Calendar(Zone("America/New_York")).After(berlin);
        next.ShouldBe(new BillingPeriod(At("2026-11-30T23:00:00Z"), At("2027-01-01T05:00:00Z")));
        BillingCalendar.Calendar(Zone("America/New_York")).Share(next).ShouldBe((31, 31));
    }

    [Theory]
    [InlineData(0, "2026-11-30T23:00:00Z")]
    [InlineData(3, "2026-12-03T23:00:00Z")]
    public void Grace_is_counted_in_local_days(int days, string until) =>
        BillingCalendar.Calendar(Zone("Europe/Berlin")).AfterDays(At("2026-11-30T23:00:00Z"), days).ShouldBe(At(until));

    private static TimeZoneInfo Zone(string id) => TimeZoneInfo.FindSystemTimeZoneById(id);

    private static DateTimeOffset At(string text) => DateTimeOffset.Parse(text, CultureInfo.InvariantCulture);
}
