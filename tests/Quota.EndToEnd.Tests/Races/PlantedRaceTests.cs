using Quota.TestKit;

namespace Quota.EndToEnd.Tests.Races;

/// <summary>
/// Tests of the races' checks: each fault, planted into a copy of the gateway, must be caught, and by the check that is there for it. Where
/// chance would take long to show it, a small scene does; the same scene finds nothing wrong with the gateway as it is.
/// </summary>
[Collection(nameof(Races))]
public sealed class PlantedRaceTests(ITestOutputHelper output)
{
    private const int Seed = 20_260_301;
    private static readonly RaceKey Ada = RaceOrg.Keys[0];
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(2);

    [Fact]
    public async Task A_settle_that_adds_and_does_not_replace_is_caught()
    {
        using var planted = new PlantedGateway(new Snippet(
            """
                  take_back(part, quantity, hold)
                  if letter == 'r' then c.live = c.live + ceiling end
            """,
            """
                  if letter == 'r' then c.live = c.live + ceiling end
            """));
        (await SmallAsync(planted)).ShouldBreak(RaceCheck.HeldIsOpenHolds, RaceCheck.NothingHeldAtEnd);
    }

    [Fact]
    public async Task A_hold_that_is_trimmed_to_the_headroom_is_caught()
    {
        using var planted = new PlantedGateway(new Snippet("local fits = out >= least", "local fits = true"), new Snippet(
            """
                local quantity = worst(numbers[a], numbers[a + 1], numbers[a + 2], numbers[a + 3], out)
                if spec.cap and used + held + quantity > spec.cap then fits = false end
            """,
            """
                local quantity=worst(numbers[a],numbers[a+1],numbers[a+2],numbers[a+3],out)
                if spec.cap then quantity=math.min(quantity,math.max(0,spec.cap-used-held)) end
            """));
        (await SmallAsync(planted)).ShouldBreak(RaceCheck.NoOverspend, RaceCheck.NothingOver, RaceCheck.NeverPassed);
    }

    [Fact]
    public async Task A_reserve_that_does_not_look_at_the_holds_of_others_is_caught()
    {
        using var planted = new PlantedGateway(new Snippet("used_of(c, spec.letter), c.held\n", "used_of(c, spec.letter), 0\n"));
        (await SmallAsync(planted, clients: 120)).ShouldBreak(RaceCheck.NoOverspend, RaceCheck.NeverPassed);
        await SceneAsync(planted, RaceOrg.With(new RaceLimit(RaceOrg.Name, RaceOrg.Concurrency, 2)), SixAtOnceAsync, RaceCheck.WithinConcurrency);
    }

    [Fact]
    public async Task A_hold_that_is_never_reaped_is_caught()
    {
        using var planted = new PlantedGateway(new Snippet("if real <= (tonumber(field(hold, 'deadline')) or 0) then return 'early' end", "if real then return 'early' end"));
        await SceneAsync(planted, RaceOrg.For(100, RaceLoad.MeanNanos, RaceLoad.MeanTokens), GatewayAwayAsync, RaceCheck.HoldsEndInTime);
    }

    [Fact]
    public async Task A_settle_that_charges_when_there_is_no_hold_is_caught()
    {
        using var planted = new PlantedGateway(new Snippet(
            """
              if not hold.state then return 'gone' end
              if hold.state == 'settled' then return field(hold, 'reply') end
              if hold.state == 'released' then return 'released' end
              if hold.reread then return 'reread' end
            """,
            """
            if hold.state=='settled'then return field(hold,'reply')end
            if not hold.state then local t={}for i,k in ipairs(hold.set.keys)do t[i]=add_live(counter(k,'c'),numbers[1+i*2],0)end return'settled '..packed(t)end
            """));
        await SceneAsync(planted, RaceOrg.For(100, RaceLoad.MeanNanos, RaceLoad.MeanTokens), SettledTwiceAsync, RaceCheck.UsedIsTheSum);
    }

    [Fact]
    public async Task A_release_that_gives_nothing_back_is_caught()
    {
        using var planted = new PlantedGateway(new Snippet("for i, part in ipairs(parts_of(hold)) do take_back(part, hold.quantities[i], hold) end", ""));
        await SceneAsync(planted, RaceOrg.For(100, RaceLoad.MeanNanos, RaceLoad.MeanTokens), AnswerLostAsync, RaceCheck.HeldIsOpenHolds, RaceCheck.NothingHeldAtEnd);
    }

    [Fact]
    public async Task A_rate_that_is_debited_and_refunded_is_caught()
    {
        // Burst 4, 4 a second: debited at once, the bucket is empty again after a second, while the four calls still run.
        using var planted = new PlantedGateway(
            new Snippet(
                """
                    local spec = list[i]
                    spec.c.held = spec.c.held + quantities[i]
                    if not spec.kept then keep(spec) end
                """,
                """
                local spec=list[i]keep(spec)
                local n=spec.drains and'live'or'held'spec.c[n]=spec.c[n]+quantities[i]
                """),
            new Snippet(
                """
                -- Takes a hold's quantity back: from what is held, or, once reaped, what is left of the provisional charge.
                local function take_back(part, quantity, hold)
                """,
                """
                local function take_back(part, quantity, hold)
                  if part.letter == 'r' then hold = { state = 'reaped', reaped_at = at } end
                """));
        await SceneAsync(planted, RaceOrg.With(new RaceLimit(RaceOrg.Name, RaceOrg.Requests, 4, "second", 4)), TwoBurstsAsync, RaceCheck.WithinRate);
    }

    [Fact]
    public async Task A_rebuild_that_adds_twice_is_caught()
    {
        using var planted = new PlantedGateway(new Snippet("c.live + whole + carry, carried", "c.live + 2*whole+carry, carried"));
        await SceneAsync(planted, RaceOrg.For(200, RaceLoad.MeanNanos, RaceLoad.MeanTokens), StoreEmptiedAsync, RaceCheck.UsedIsTheSum);
    }

    /// <summary>Many clients at once until the budgets are used up.</summary>
    private async Task<RaceVerdict> SmallAsync(PlantedGateway planted, int clients = 40)
    {
        var verdict = await Race.RunAsync(new RacePlan(Seed, Gateways: 2, clients, Calls: 60, []) { Assembly = planted.Assembly, SlowCalls = 0 });
        Write(verdict);
        return verdict;
    }

    /// <summary>The scene with the gateway as it is, and side by side with the fault.</summary>
    private async Task SceneAsync(PlantedGateway planted, RaceOrg org, Func<RaceField, Task> scene, params RaceCheck[] catches)
    {
        var gateways = scene == GatewayAwayAsync ? 2 : 1;
        var verdicts = await Task.WhenAll(Race.RunAsync(Seed, org, gateways, Deadline, null, scene), Race.RunAsync(Seed, org, gateways, Deadline, planted.Assembly, scene));
        Write(verdicts[1]);
        verdicts[0].ShouldBeClean();
        verdicts[1].ShouldBreak(catches);
    }

    private void Write(RaceVerdict verdict) =>
        output.WriteLine($"caught by {string.Join(", ", verdict.Breaches.CountBy(breach => breach.Check).Select(it => $"{it.Key} ({it.Value})"))}\nfor example: {(verdict.Breaches.Count > 0 ? verdict.Breaches[0].What : "nothing")}\n{verdict.Figures}");

    /// <summary>
    /// A gateway is killed after it sent a settle whose answer it never got. When it is back, the settle has been done, and its receipt has
    /// expired: the settle that its recovery sends finds nothing.
    /// </summary>
    private static async Task SettledTwiceAsync(RaceField field)
    {
        var gateway = field.Gateways[0];
        (await field.CallAsync(gateway, Ada, RaceField.Body("a reply:5", 10))).Outcome.ShouldBe(RaceOutcome.Served);
        var call = field.CallAsync(gateway, Ada, RaceField.Body("a reply:7 wait:400", 10));
        await Eventually.TrueAsync("the call runs", () => field.Provider.Served.Running == 1);
        gateway.Wire.LoseAnswers();
        (await call).Outcome.ShouldBe(RaceOutcome.Served);
        var hold = await field.StoreKeyAsync($"h:{Guid.Parse((await call).RequestId!):N}");
        await Eventually.TrueAsync("the settle is done", async () => await field.Redis.CommandAsync("HGET", hold, "state") == "settled");
        gateway.Process.Process.Kill();
        gateway.Wire.Mend();
        await field.Redis.CommandAsync("DEL", hold);   // as its time to live does
        await gateway.StartAgainAsync();
    }

    /// <summary>A gateway is killed while a call runs, and stays away; the other one has to charge the hold that it left.</summary>
    private static async Task GatewayAwayAsync(RaceField field)
    {
        var call = field.CallAsync(field.Gateways[0], Ada, RaceField.Body("a reply:5 wait:3000", 10));
        await Eventually.TrueAsync("the call runs", () => field.Provider.Served.Running == 1);
        field.Gateways[0].Process.Process.Kill();
        (await call).Outcome.ShouldBe(RaceOutcome.Broken);
        var away = field.Elapsed + Deadline + TimeSpan.FromSeconds(3);
        await Eventually.TrueAsync("the hold is charged, or should have been long ago", () => field.Facts.All.Any(fact => fact.Kind == "reaped") || field.Elapsed > away);
        await field.Gateways[0].StartAgainAsync();
    }

    /// <summary>A reserve is done and its answer lost: the gateway refuses, and gives back what it may have got.</summary>
    private static async Task AnswerLostAsync(RaceField field)
    {
        var gateway = field.Gateways[0];
        (await field.CallAsync(gateway, Ada, RaceField.Body("a reply:5", 10))).Outcome.ShouldBe(RaceOutcome.Served);
        await Eventually.TrueAsync("it is settled", async () => await gateway.OpenCallsAsync() == 0);   // or the reserve would wait behind it, unsent
        gateway.Wire.LoseAnswers();
        var call = field.CallAsync(gateway, Ada, RaceField.Body("a reply:5", 10));
        var deadlines = await field.StoreKeyAsync("x");
        await Eventually.TrueAsync("the hold is made", async () => await field.Redis.CommandAsync("ZCARD", deadlines) == "1");
        (await call).Outcome.ShouldBe(RaceOutcome.Unavailable);
        gateway.Wire.Mend();
    }

    /// <summary>Four calls begin at once and run until a bucket would have drained; then four more come, and all end together (protocols A5).</summary>
    private static async Task TwoBurstsAsync(RaceField field)
    {
        var first = Enumerable.Range(0, 4).Select(_ => field.CallAsync(field.Gateways[0], Ada, RaceField.Body("a reply:1 wait:1700", 2))).ToArray();
        await Eventually.TrueAsync("four calls run", () => field.Provider.Served.Running == 4);
        var drained = field.Elapsed + TimeSpan.FromSeconds(1.05);
        await Eventually.TrueAsync("a bucket would have drained", () => field.Elapsed > drained);
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => field.CallAsync(field.Gateways[0], Ada, RaceField.Body("a reply:1 wait:300", 2))));
        (await Task.WhenAll(first)).ShouldAllBe(call => call.Outcome == RaceOutcome.Served);
    }

    private static Task SixAtOnceAsync(RaceField field) =>
        Task.WhenAll(Enumerable.Range(0, 6).Select(_ => field.CallAsync(field.Gateways[0], Ada, RaceField.Body("a reply:1 wait:500", 2))));

    /// <summary>The store forgets everything while a call runs; its only gateway puts back what it knows.</summary>
    private static async Task StoreEmptiedAsync(RaceField field)
    {
        var gateway = field.Gateways[0];
        foreach (var key in RaceOrg.Keys)
            (await field.CallAsync(gateway, key, RaceField.Body("a reply:5", 10))).Outcome.ShouldBe(RaceOutcome.Served);
        var call = field.CallAsync(gateway, Ada, RaceField.Body("a reply:5 wait:500", 10));
        await Eventually.TrueAsync("the call runs", () => field.Provider.Served.Running == 1);
        await field.Redis.FlushAllAsync();
        await Eventually.TrueAsync("the counters are put back", async () => (await field.CallAsync(gateway, Ada, RaceField.Body("a reply:5", 10))).Outcome != RaceOutcome.Unavailable);
        (await call).Outcome.ShouldBe(RaceOutcome.Served);
    }
}
