using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using Quota.Gateway.ControlPlane;
using Quota.Gateway.Limits;
using Quota.Gateway.Limits.Store;
using Quota.Gateway.Lost;
using Quota.Gateway.Metering;
using Quota.Gateway.Spool;
using Quota.Gateway.Tests.Limits;
using Quota.Shared.ControlPlane;
using Quota.Shared.Usage;
using Some = Quota.Gateway.Tests.Limits.Some;

namespace Quota.Gateway.Tests.Lost;

/// <summary>What a hold of a lost gateway becomes: the same bytes whoever makes them, and counters that agree with them.</summary>
public sealed class LostHoldsTests(RedisFixture redis) : IClassFixture<RedisFixture>
{
    private static readonly Dictionary<string, ILimitKind> Kinds = LimitsRegistration.Kinds().ToDictionary(kind => kind.Name);

    private readonly string _org = Some.Org();

    [Fact]
    public async Task A_settled_one_is_exact_whoever_makes_it()
    {
        var (gone, counter, id) = (redis.Store(instance: "gone"), Some.Spend(_org, 1), Some.Id());
        await HoldAsync(gone, counter, id);
        var outcome = new CallOutcome { Status = UsageStatus.Completed, Usage = new UsageCounts { Requests = 1, InputTokens = 9, OutputTokens = 4 }, HttpStatus = 200, EndedAt = DateTimeOffset.UnixEpoch };
        await gone.SettleAsync(_org, id, [Id(counter)], [new(700, 0)], CallReceipt.Write(outcome, seq: 41));

        var (one, other) = (await MadeAsync("a", id), await MadeAsync("b", id));
        one.ShouldBe(other);
        var made = JsonSerializer.Deserialize(one, UsageJson.Default.UsageEvent)!;
        (made.Id, made.Instance, made.Seq, made.Lost, made.Estimated, made.Status).ShouldBe((id, "gone", 41, true, false, UsageStatus.Completed));
        (made.Usage.OutputTokens, made.KeyId, made.Team, made.Model, made.Org).ShouldBe((4, "k", "research", "gpt-4o-mini", "acme"));
        made.Counted.ShouldBe([Id(counter)]);
    }

    [Fact]
    public async Task One_that_was_reaped_is_estimated_and_settled_by_what_its_event_says()
    {
        var (gone, counter, id) = (redis.Store(deadline: TimeSpan.FromMilliseconds(1), instance: "gone"), Some.Spend(_org, 1), Some.Id());
        await HoldAsync(gone, counter, id);
        var sweeper = redis.Store(instance: "a");
        await Quota.TestKit.Eventually.TrueAsync("it is reaped", async () => (await sweeper.ReapAsync(_org, 10)).Count == 1);
        (await sweeper.ReadCounterAsync(counter)).Used.ShouldBe(5_000, "provisionally, all of it");

        var made = JsonSerializer.Deserialize(await MadeAsync("a", id), UsageJson.Default.UsageEvent)!;
        (made.Status, made.Estimated, made.Usage.InputTokens, made.Usage.OutputTokens, made.Cost).ShouldBe((UsageStatus.Abandoned, true, 12, 0, "0.0000018"));
        (await sweeper.ReadCounterAsync(counter)).Used.ShouldBe(1_800, "12 tokens");
        (await MadeAsync("b", id)).ShouldBe(await MadeAsync("a", id));
    }

    [Fact]
    public async Task What_its_owner_settled_meanwhile_is_what_is_told()
    {
        var (gone, counter, id) = (redis.Store(deadline: TimeSpan.FromMilliseconds(1), instance: "gone"), Some.Spend(_org, 1), Some.Id());
        await HoldAsync(gone, counter, id);
        var sweeper = redis.Store(instance: "a");
        await Quota.TestKit.Eventually.TrueAsync("it is reaped", async () => (await sweeper.ReapAsync(_org, 10)).Count == 1);
        var reaped = await FoundAsync(sweeper, id);
        var own = new CallOutcome { Status = UsageStatus.Completed, Usage = new UsageCounts { Requests = 1, InputTokens = 9, OutputTokens = 4 }, EndedAt = DateTimeOffset.UnixEpoch };
        await gone.SettleAsync(_org, id, [Id(counter)], [new(700, 0)], CallReceipt.Write(own, seq: 3));
        var made = JsonSerializer.Deserialize((await HoldsOf(sweeper).EventOfAsync(reaped, State()))!, UsageJson.Default.UsageEvent)!;
        (made.Status, made.Usage.OutputTokens).ShouldBe((UsageStatus.Completed, 4));
        (await sweeper.ReadCounterAsync(counter)).Used.ShouldBe(700);
    }

    [Theory]
    [InlineData(true, "held", "0.000005", 5_000)]   // it costs what was held, as its counter says
    [InlineData(false, "unknown", null, 12)]   // nobody can say: no cost, rather than 0
    public async Task One_whose_price_is_gone_costs_what_was_held_or_nobody_knows(bool isMoneyHeld, string version, string? cost, long used)
    {
        var (gone, id) = (redis.Store(deadline: TimeSpan.FromMilliseconds(1), instance: "gone"), Some.Id());
        var counter = isMoneyHeld ? Some.Spend(_org, 1) : Some.Tokens(_org, 100_000);
        await HoldAsync(gone, counter, id, priceVersion: "older");
        var sweeper = redis.Store(instance: "a");
        await Quota.TestKit.Eventually.TrueAsync("it is reaped", async () => (await sweeper.ReapAsync(_org, 10)).Count == 1);
        var made = JsonSerializer.Deserialize(await MadeAsync("a", id), UsageJson.Default.UsageEvent)!;
        (made.PriceVersion, made.Cost, made.Spend, made.Held, made.Usage.InputTokens).ShouldBe((version, cost, null, cost, 12));
        (await sweeper.ReadCounterAsync(counter)).Used.ShouldBe(used);
    }

    private static string Id(LimitCounter counter) => counter.WindowsAt(TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds()).Current;

    private async Task HoldAsync(QuotaStore store, LimitCounter counter, Guid id, string? priceVersion = null)
    {
        var note = new CallNote { KeyId = "k", Team = "research", Provider = "openai", Upstream = "openai", Route = "/v1/chat/completions", Endpoint = "chat", Model = "gpt-4o-mini", PriceVersion = priceVersion ?? Some.Price.Price.Version, InputEstimate = 12 };
        (await store.ReserveAsync(_org, [counter], id, [new WorstCase(5_000, 0)], 1, 1, 1, note)).Outcome.ShouldBe(StoreOutcome.Held);
    }

    private async Task<byte[]> MadeAsync(string sweeper, Guid id)
    {
        var store = redis.Store(instance: sweeper);
        return (await HoldsOf(store).EventOfAsync(await FoundAsync(store, id), State()))!;
    }

    private static async Task<FoundHold> FoundAsync(QuotaStore store, Guid id) => await store.HoldsOfAsync(new HashSet<string> { "gone" }).FirstAsync(hold => hold.RequestId == id);

    private static LostHolds HoldsOf(QuotaStore store) => new(
        store, new Settler(store, null!, null!, Kinds.Values, null!, null!, null!, new GatewayClock(TimeProvider.System), NullLogger<Settler>.Instance), NullLogger<LostHolds>.Instance);

    private ControlState State() => new(new ControlSnapshot { Version = "v", Pepper = Convert.ToBase64String(new byte[32]), Orgs = [new SnapshotOrg(_org, "acme", "UTC", "USD")], Prices = [Some.Price.Price] }, Kinds);
}
