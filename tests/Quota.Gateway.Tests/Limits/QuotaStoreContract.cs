using Quota.Gateway.Limits;
using Quota.Gateway.Limits.Store;
using Quota.Shared.Amounts;
using Quota.TestKit;

namespace Quota.Gateway.Tests.Limits;

/// <summary>The scripts on Redis 7.</summary>
public sealed class RedisQuotaStoreTests(RedisFixture redis) : QuotaStoreContract(redis), IClassFixture<RedisFixture>;

/// <summary>The scripts on a Redis Cluster of three.</summary>
public sealed class ClusterQuotaStoreTests(ClusterFixture cluster) : QuotaStoreContract(cluster), IClassFixture<ClusterFixture>;

/// <summary>The scripts on Garnet.</summary>
public sealed class GarnetQuotaStoreTests(GarnetFixture garnet) : QuotaStoreContract(garnet), IClassFixture<GarnetFixture>;

/// <summary>What holds must do on every store: the states and arrows of a hold, the time rule, contention.</summary>
public abstract partial class QuotaStoreContract(StoreFixture fixture)
{
    private readonly string _org = Some.Org();

    private QuotaStore Store => fixture.Store();

    private static string[] IdsOf(Hold hold) => [.. hold.Counters.Select(counter => counter.Id)];

    private Task<StoreReserve> ReserveAsync(QuotaStore store, IReadOnlyList<LimitCounter> counters, Guid id, params long[] quantities) =>
        store.ReserveAsync(_org, counters, id, [.. quantities.Select(quantity => new WorstCase(quantity, 0))], 1, 1, 1);

    private async Task<Hold> HoldAsync(QuotaStore store, IReadOnlyList<LimitCounter> counters, Guid id, params long[] quantities)
    {
        var reply = await ReserveAsync(store, counters, id, quantities);
        reply.Outcome.ShouldBe(StoreOutcome.Held);
        return new Hold(id, _org, reply.At, reply.Counters);
    }

    private Task<Hold> HoldAsync(IReadOnlyList<LimitCounter> counters, Guid id, params long[] quantities) => HoldAsync(Store, counters, id, quantities);

    private async Task<(long Used, long Held)> StandingAsync(LimitCounter counter, QuotaStore? store = null)
    {
        var stored = await (store ?? Store).ReadCounterAsync(counter);
        return (stored.Used, stored.Held);
    }

    private Task<bool> ExtendAsync(Hold hold) => ExtendAsync(hold, [.. hold.Counters.Select(counter => counter.Quantity)]);

    private async Task<bool> ExtendAsync(Hold hold, params long[] quantities) => await Store.ExtendAsync(hold, quantities) == ExtendOutcome.Held;

    private Task<IReadOnlyList<long>?> SettleAsync(Hold hold, params long[] used) => SettleAsync(Store, hold, used);

    private Task<IReadOnlyList<long>?> SettleAsync(QuotaStore store, Hold hold, params long[] used) =>
        store.SettleAsync(_org, hold.RequestId, IdsOf(hold), [.. used.Select(units => new ExactNanos(units, 0))], "{}"u8.ToArray());

    private static async Task<Hold> ReapedAsync(QuotaStore store, string org, Task<Hold> holding)
    {
        var hold = await holding;
        await Eventually.TrueAsync("it is reaped", async () => (await store.ReapAsync(org, 100)).Contains(hold.RequestId));
        return hold;
    }

    private QuotaStore ShortLived() => fixture.Store(deadline: TimeSpan.FromMilliseconds(1));
}
