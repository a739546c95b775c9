using System.Globalization;
using Quota.Gateway.Limits;
using Quota.Gateway.Limits.Store;
using Quota.Gateway.Tests.Limits.Model;
using Quota.Shared.Amounts;
using Quota.Shared.ControlPlane;
using Quota.TestKit;

namespace Quota.Gateway.Tests.Limits;

/// <summary>A4: whatever a zone's clocks do, each request falls in exactly one window of each kind, and everybody agrees in which.</summary>
public sealed class MonthEndTests(RedisFixture redis) : IClassFixture<RedisFixture>
{
    private static readonly LimitWindow[] Windows =
    [
        new() { Kind = "hour" }, new() { Kind = "day" }, new() { Kind = "week" }, new() { Kind = "week", StartsOn = "sunday" }, new() { Kind = "month" },
        new() { Kind = "month", StartsOn = "31" }, new() { Kind = "quarter" }, new() { Kind = "quarter", StartsOn = "04-06" }, new() { Kind = "year" }, new() { Kind = "year", StartsOn = "07-01" },
    ];

    /// <summary>What each zone is here for; the instants at which its clocks change, and some month ends.</summary>
    public static TheoryData<string, string[]> Zones() => new()
    {
        { "Asia/Kathmandu", ["2026-10-31T18:15:00Z", "2026-11-30T18:15:00Z", "2026-12-31T18:15:00Z", "2027-01-31T18:15:00Z", "2027-02-28T18:15:00Z", "2028-02-29T18:15:00Z"] },
        { "Europe/Berlin", ["2026-03-29T01:00:00Z", "2026-03-28T23:00:00Z", "2026-03-31T22:00:00Z", "2026-10-25T01:00:00Z", "2026-10-24T22:00:00Z", "2026-10-31T23:00:00Z", "2026-12-31T23:00:00Z"] },
        { "America/Santiago", ["2026-04-05T03:00:00Z", "2026-04-05T04:00:00Z", "2026-09-06T04:00:00Z", "2026-09-06T03:59:59.999Z", "2026-08-31T04:00:00Z", "2027-01-01T03:00:00Z"] },
        { "America/Sao_Paulo", ["2018-11-04T03:00:00Z", "2019-02-17T02:00:00Z", "2019-02-17T03:00:00Z", "2018-12-01T02:00:00Z", "2019-01-01T02:00:00Z"] },
        { "America/Havana", ["2026-11-01T04:00:00Z", "2026-11-01T05:00:00Z", "2026-03-08T05:00:00Z", "2026-12-01T05:00:00Z"] },
        { "Australia/Lord_Howe", ["2026-04-04T15:00:00Z", "2026-04-04T13:00:00Z", "2026-10-03T15:30:00Z", "2026-10-03T13:30:00Z", "2026-12-31T13:00:00Z"] },
    };

    /// <summary>By hand, from the zones' laws.</summary>
    [Theory]
    [InlineData("Asia/Kathmandu", "month", "2026-12-01T00:00:00Z", "2026-11-30T18:15:00Z", "2026-12-31T18:15:00Z")]
    [InlineData("Asia/Kathmandu", "hour", "2026-12-01T00:20:00Z", "2026-12-01T00:15:00Z", "2026-12-01T01:15:00Z")]
    [InlineData("Europe/Berlin", "day", "2026-03-29T12:00:00Z", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z")]         // 23 hours
    [InlineData("Europe/Berlin", "day", "2026-10-25T12:00:00Z", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z")]         // 25
    [InlineData("Europe/Berlin", "month", "2026-10-25T12:00:00Z", "2026-09-30T22:00:00Z", "2026-10-31T23:00:00Z")]
    [InlineData("America/Santiago", "day", "2026-09-06T04:00:00Z", "2026-09-06T04:00:00Z", "2026-09-07T03:00:00Z")]      // its midnight is skipped
    [InlineData("America/Santiago", "day", "2026-09-06T03:59:59Z", "2026-09-05T04:00:00Z", "2026-09-06T04:00:00Z")]
    [InlineData("America/Santiago", "day", "2026-04-05T03:30:00Z", "2026-04-04T03:00:00Z", "2026-04-05T04:00:00Z")]      // 23:00 to 24:00 twice
    [InlineData("America/Sao_Paulo", "day", "2018-11-04T03:00:00Z", "2018-11-04T03:00:00Z", "2018-11-05T02:00:00Z")]
    [InlineData("America/Havana", "day", "2026-11-01T05:30:00Z", "2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z")]        // midnight comes twice: the first
    [InlineData("Australia/Lord_Howe", "day", "2026-10-03T20:00:00Z", "2026-10-03T13:30:00Z", "2026-10-04T13:00:00Z")]   // 23.5 hours
    [InlineData("Australia/Lord_Howe", "day", "2026-04-04T20:00:00Z", "2026-04-04T13:00:00Z", "2026-04-05T13:30:00Z")]   // 24.5
    public void Windows_are_those_of_the_law(string zone, string kind, string at, string start, string end)
    {
        var expected = (Ms(start), Ms(end));
        WindowCalendar.Of(new LimitWindow { Kind = kind }, TimeZoneInfo.FindSystemTimeZoneById(zone), Ms(at)).ShouldBe(expected);
        PlainCalendar.Of(new LimitWindow { Kind = kind }, TimeZoneInfo.FindSystemTimeZoneById(zone), Ms(at)).ShouldBe(expected);
    }

    [Theory]
    [MemberData(nameof(Zones))]
    public void Ten_thousand_requests_fall_each_in_one_window_of_each_kind(string zoneId, string[] turns)
    {
        var zone = TimeZoneInfo.FindSystemTimeZoneById(zoneId);
        var requests = Requests(zoneId, turns, LongForm.Pick(10_000, 100_000));
        foreach (var window in Windows.Where(window => window.Kind != "hour" || zoneId != "Australia/Lord_Howe"))   // Lord Howe's hours: see below
        {
            var counter = Counter(window with { Timezone = zoneId });
            Dictionary<string, (long Start, long End, int Count)> counts = [];
            foreach (var at in requests)
            {
                var what = $"{window} {window.StartsOn} of {at} ({DateTimeOffset.FromUnixTimeMilliseconds(at):O})";
                var gateway = counter.WindowsAt(at);      // keeps the last pair, as a gateway does
                var core = WindowCalendar.Of(window, zone, at);
                (gateway.Start, gateway.Middle).ShouldBe(core, what);
                core.ShouldBe(PlainCalendar.Of(window, zone, at), what);
                (core.Start <= at && at < core.End).ShouldBeTrue(what);
                // The next window begins where this one ends, and has the name that it has once it is the current one.
                gateway.Next.ShouldBe(Counter(window with { Timezone = zoneId }).WindowsAt(gateway.Middle).Current, what);
                counts[gateway.Current] = (core.Start, core.End, counts.GetValueOrDefault(gateway.Current).Count + 1);
            }
            counts.Values.Sum(one => one.Count).ShouldBe(requests.Length);
            var inOrder = counts.Values.OrderBy(one => one.Start).ToArray();
            for (var i = 1; i < inOrder.Length; i++)
                inOrder[i].Start.ShouldBeGreaterThanOrEqualTo(inOrder[i - 1].End, $"{window} {window.StartsOn}: two windows overlap");
        }
    }

    /// <summary>Where a zone's clocks jump by half an hour, hours are the one kind whose windows could overlap.</summary>
    [Theory]
    [InlineData("2026-04-04T15:00:00Z")]
    [InlineData("2026-10-03T15:30:00Z")]
    public void Hours_do_not_overlap_where_the_clocks_change_by_half_an_hour(string change)
    {
        var window = new LimitWindow { Kind = "hour", Timezone = "Australia/Lord_Howe" };
        var zone = TimeZoneInfo.FindSystemTimeZoneById(window.Timezone);
        var counter = Counter(window);
        for (var at = Ms(change) - 7_200_000; at < Ms(change) + 7_200_000; at += 60_000)
        {
            var what = $"{DateTimeOffset.FromUnixTimeMilliseconds(at):O}";
            var (start, end) = WindowCalendar.Of(window, zone, at);
            WindowCalendar.Of(window, zone, end).Start.ShouldBe(end, $"the window after that of {what}");
            WindowCalendar.Of(window, zone, start).ShouldBe((start, end), $"the window of {what}, seen from its start");
            counter.WindowsAt(at).Next.ShouldBe(Counter(window).WindowsAt(end).Current, $"the counter after that of {what}");
        }
    }

    /// <summary>The script chooses by Redis's time; one gateway's clock is right, one is behind and asks in the wrong window.</summary>
    [Theory]
    [MemberData(nameof(Zones))]
    public async Task The_script_chooses_the_same_windows_and_the_sum_over_them_is_the_number_of_requests(string zoneId, string[] turns)
    {
        var org = Some.Org();
        var zone = TimeZoneInfo.FindSystemTimeZoneById(zoneId);
        GatewayClock[] clocks = [new(TimeProvider.System), new(new SkewedTime(TimeSpan.FromSeconds(-2.5)))];
        QuotaStore[] stores = [redis.Store(clocks[0], instance: "a"), redis.Store(clocks[1], instance: "b")];
        LimitWindow[] windows = [.. Windows.Where(window => window.Kind != "hour" || zoneId != "Australia/Lord_Howe")];
        LimitCounter[] plan = [.. windows.Select(window => Counter(window with { Timezone = zoneId }, org))];
        var requests = Requests(zoneId, turns, LongForm.Pick(150, 2_000));
        var sums = windows.Select(_ => new Dictionary<string, long>()).ToArray();
        for (var n = 0; n < requests.Length; n++)
        {
            foreach (var clock in clocks)
                clock.Shift(requests[n] - TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds());
            var store = stores[n % 2];
            var id = Some.Id();
            var reply = await store.ReserveAsync(org, plan, id, [.. plan.Select(_ => new WorstCase(2, 0))], 0, 0, 1);
            reply.Outcome.ShouldBe(StoreOutcome.Held);
            var at = reply.At.ToUnixTimeMilliseconds();
            at.ShouldBeInRange(requests[n], requests[n] + 5_000);
            for (var i = 0; i < windows.Length; i++)
            {
                var (start, end) = PlainCalendar.Of(windows[i], zone, at);
                var held = reply.Counters[i];
                (held.Id, held.Kind, held.EndsAtMs).ShouldBe((IdOf(plan[i], start), plan[i].KindText(start), end), $"{windows[i]} {windows[i].StartsOn} of {reply.At:O}");
                sums[i][held.Id] = sums[i].GetValueOrDefault(held.Id) + 1;
            }
            await store.SettleAsync(org, id, [.. reply.Counters.Select(counter => counter.Id)], [.. plan.Select(_ => new ExactNanos(1, 0))], default);
        }
        foreach (var counts in sums)
        {
            long total = 0;
            foreach (var (id, count) in counts)
            {
                var stored = await stores[0].ReadCounterAsync(org, id);
                (stored.Live, stored.Held, stored.Over).ShouldBe((count, 0, 0));
                total += stored.Live;
            }
            total.ShouldBe(requests.Length);
        }
    }

    /// <summary>Half of them within two seconds of a turn or a clock change, some on it to the millisecond, the rest anywhere between.</summary>
    private static long[] Requests(string zone, string[] turns, int count)
    {
        var random = new Random(zone.Sum(c => c));
        long[] at = [.. turns.Select(Ms)];
        return [.. Enumerable.Range(0, count).Select(i => (i % 4) switch
        {
            0 => random.NextInt64(at.Min() - 40L * 86_400_000, at.Max() + 40L * 86_400_000),
            1 => at[i / 4 % at.Length] + (i / 4 / at.Length % 3) - 1,
            _ => at[random.Next(at.Length)] + random.Next(-2_000, 2_001),
        })];
    }

    private static LimitCounter Counter(LimitWindow window, string org = "org") =>
        Some.Counter(org, new LimitTerms { Meter = Meters.Requests, Amount = 1_000_000, Window = window }, node: "node");

    private static string IdOf(LimitCounter counter, long start) => CounterName.Of(CounterName.Identity(counter.NodeId, counter.Terms, counter.Window.Timezone!, counter.Limits[0].Code), start);

    private static long Ms(string text) => DateTimeOffset.Parse(text, CultureInfo.InvariantCulture).ToUnixTimeMilliseconds();
}
