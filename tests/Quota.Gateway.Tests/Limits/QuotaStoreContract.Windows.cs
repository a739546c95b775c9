using Microsoft.Extensions.Time.Testing;
using Quota.Gateway.Limits;
using Quota.Gateway.Limits.Store;
using Quota.Shared.ControlPlane;

namespace Quota.Gateway.Tests.Limits;

/// <summary>Which window a hold is counted in, by whose clock.</summary>
public abstract partial class QuotaStoreContract
{
    [Fact]
    public async Task A_reserve_that_arrives_too_late_does_nothing()
    {
        // A gateway whose clock is an hour behind learns Redis's time from the refusal and asks anew, with the right horizon.
        var time = new FakeTimeProvider(TimeProvider.System.GetUtcNow().AddHours(-1));
        LimitCounter[] plan = [Some.Spend(_org, 1m)];
        var hold = await HoldAsync(fixture.Store(new GatewayClock(time)), plan, Some.Id(), 5);
        (TimeProvider.System.GetUtcNow() - hold.At).Duration().ShouldBeLessThan(TimeSpan.FromMinutes(1));
        (await StandingAsync(plan[0])).ShouldBe((0, 5));
    }

    [Fact]
    public async Task A4_a_hold_of_november_settles_in_november()
    {
        var clock = new GatewayClock(TimeProvider.System);
        var now = TimeProvider.System.GetUtcNow();
        var monthEnd = new DateTimeOffset(now.Year, now.Month, 1, 0, 0, 0, TimeSpan.Zero).AddMonths(3);
        clock.Shift((long)(monthEnd - now).TotalMilliseconds - 30_000);   // half a minute before the end of a month
        var store = fixture.Store(clock);
        var limit = Some.Spend(_org, 1m);
        var hold = await HoldAsync(store, [limit], Some.Id(), 5);
        hold.At.ShouldBeLessThan(monthEnd);

        clock.Shift((long)(monthEnd - now).TotalMilliseconds + 30_000);   // the next month: settles where it was held
        await SettleAsync(store, hold, 3);
        (await StandingAsync(limit, store)).ShouldBe((0, 0));
        clock.Shift((long)(monthEnd - now).TotalMilliseconds - 60_000);
        (await StandingAsync(limit, store)).ShouldBe((3, 0));
    }

    [Fact]
    public async Task A4_a_gateway_just_before_the_month_turns_lets_the_script_choose_the_next()
    {
        // The gateway thinks it is before the turn, Redis is past it: the second of the two windows is chosen.
        var clock = new GatewayClock(new FakeTimeProvider(TimeProvider.System.GetUtcNow().AddSeconds(-3)));
        var now = TimeProvider.System.GetUtcNow();
        var monthEnd = new DateTimeOffset(now.Year, now.Month, 1, 0, 0, 0, TimeSpan.Zero).AddMonths(3);
        clock.Shift((long)(monthEnd - now).TotalMilliseconds + 1_000);
        var limit = Some.Spend(_org, 1m);
        var hold = await HoldAsync(fixture.Store(clock), [limit], Some.Id(), 5);
        hold.At.ShouldBeGreaterThanOrEqualTo(monthEnd);
        hold.Counters[0].Id.ShouldBe(limit.WindowsAt(monthEnd.ToUnixTimeMilliseconds()).Current);
    }

    [Fact]
    public async Task A7_a_window_that_began_before_the_limit_is_unseeded_until_its_seed_is_there()
    {
        var since = DateTimeOffset.FromUnixTimeMilliseconds(Store.NowMs);
        var counter = Some.Counter(_org, new LimitTerms { Meter = Meters.TotalTokens, Amount = 1000, Window = new LimitWindow { Kind = "year" } }, since: since);
        var (id, ends) = (counter.WindowsAt(Store.NowMs).Current, counter.WindowsAt(Store.NowMs).Middle);
        (await ReserveAsync(Store, [counter], Some.Id(), 1)).Outcome.ShouldBe(StoreOutcome.Unseeded);
        (await Store.SeedAsync(_org, id, 900, 5, ends)).ShouldBeTrue();
        (await Store.SeedAsync(_org, id, 100, 5, ends)).ShouldBeFalse();
        (await Store.SeedAsync(_org, id, 100, 4, ends)).ShouldBeFalse();
        (await ReserveAsync(Store, [counter], Some.Id(), 101)).Outcome.ShouldBe(StoreOutcome.Refused);
        var hold = await HoldAsync([counter], Some.Id(), 100);
        (await Store.SeedAsync(_org, id, 950, 6, ends)).ShouldBeTrue();   // late events: over the line, but never a hold
        await SettleAsync(hold, 60);
        (await StandingAsync(counter)).ShouldBe((1010, 0));
    }

    [Fact]
    public async Task A7_a_seed_below_0_gives_back_what_was_counted_too_much()
    {
        var counter = Some.Counter(_org, new LimitTerms { Meter = Meters.TotalTokens, Amount = 1000, Window = new LimitWindow { Kind = "year" } });
        var (id, ends) = (counter.WindowsAt(Store.NowMs).Current, counter.WindowsAt(Store.NowMs).Middle);
        await SettleAsync(await HoldAsync([counter], Some.Id(), 800), 800);
        (await Store.SeedAsync(_org, id, -300, 2, ends)).ShouldBeTrue();   // 300 of the 800 were an estimate, corrected since
        (await StandingAsync(counter)).ShouldBe((500, 0));
        (await ReserveAsync(Store, [counter], Some.Id(), 501)).Outcome.ShouldBe(StoreOutcome.Refused);
        await SettleAsync(await HoldAsync([counter], Some.Id(), 500), 400);
        (await Store.SeedAsync(_org, id, 0, 3, ends)).ShouldBeTrue();
        (await StandingAsync(counter)).ShouldBe((1200, 0), "absolute: what the seed gave back is counted again");
    }

    [Fact]
    public async Task A7_a_seed_below_0_never_makes_room_beyond_the_amount()
    {
        var counter = Some.Counter(_org, new LimitTerms { Meter = Meters.TotalTokens, Amount = 1000, Window = new LimitWindow { Kind = "year" } });
        var (id, ends) = (counter.WindowsAt(Store.NowMs).Current, counter.WindowsAt(Store.NowMs).Middle);
        (await Store.SeedAsync(_org, id, -300, 2, ends)).ShouldBeTrue();   // the correction is here before what it corrects
        (await StandingAsync(counter)).ShouldBe((0, 0));
        (await ReserveAsync(Store, [counter], Some.Id(), 1001)).Outcome.ShouldBe(StoreOutcome.Refused);
        await SettleAsync(await HoldAsync([counter], Some.Id(), 1000), 1000);
        (await StandingAsync(counter)).ShouldBe((700, 0));
    }
}
