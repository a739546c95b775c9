using Quota.Gateway.Limits;
using Quota.Gateway.Limits.Store;
using Quota.Shared.ControlPlane;
using StackExchange.Redis;

namespace Quota.Gateway.ControlPlane;

/// <summary>
/// Stand-alone: finds the limits that are younger than their window and puts what was used before them into the snapshot, from this
/// gateway's own event file. Where other gateways count on the same store, or events go elsewhere, such a limit waits for its next window.
/// </summary>
internal sealed class StandaloneSeeds(CurrentControl control, EventRecount recount, IEnumerable<ILimitKind> kinds, QuotaStore store, SeedJob writer, GatewayClock clock, ILogger<StandaloneSeeds> log) : BackgroundService
{
    private readonly Dictionary<string, ILimitKind> _kinds = kinds.ToDictionary(kind => kind.Name);
    private readonly SemaphoreSlim _one = new(1);
    private ControlState? _seen;
    private List<YoungLimit> _young = [];

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(200), clock);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                await LookAsync();
            }
            catch (Exception problem) when (IsExpected(problem))
            {
                log.SeedsNotCounted(problem.Message);
            }
        }
    }

    /// <summary>Puts a changed file in force, its young limits seeded with what the events say so far.</summary>
    public async Task ReplaceAsync(ControlSnapshot snapshot)
    {
        await _one.WaitAsync();
        try
        {
            var (state, isCounted) = (control.Prepare(snapshot), true);
            try
            {
                await BeginAsync(state);
                if (_young.Count > 0)
                {
                    recount.Advance();
                    state = WithSeeds(state);
                    await writer.WriteAheadAsync(state);
                }
            }
            catch (Exception problem) when (IsExpected(problem))
            {
                log.SeedsNotCounted(problem.Message);   // it comes into force all the same, and refuses until it is seeded
                isCounted = false;
            }
            control.Replace(state, clock.RealNow);
            _seen = isCounted ? state : null;
        }
        finally
        {
            _one.Release();
        }
    }

    /// <summary>Goes on counting: calls that ran when a limit was added end later.</summary>
    internal async Task LookAsync()
    {
        if (control.Now is not { } state || !recount.CanCount)
            return;
        await _one.WaitAsync();
        try
        {
            var isNew = !ReferenceEquals(state, _seen);
            if (isNew)
                await BeginAsync(state);
            _seen = state;
            if (_young.Count == 0 || (!recount.Advance() && !isNew))
                return;
            var seeded = WithSeeds(state);
            if (seeded.Snapshot.Limits.Zip(state.Snapshot.Limits).All(pair => pair.First.Seeds.SequenceEqual(pair.Second.Seeds)))
                return;
            control.Replace(_seen = seeded, clock.RealNow);   // what changed is only the seeds: counting goes on where it is
        }
        finally
        {
            _one.Release();
        }
    }

    public override void Dispose()
    {
        _one.Dispose();
        base.Dispose();
    }

    private async Task BeginAsync(ControlState state)
    {
        _young = [];
        foreach (var orgId in state.Snapshot.Limits.Where(limit => limit.Since is not null).Select(limit => limit.OrgId).Distinct())
            await store.Epoch(orgId).OpenAsync();   // only then it is known whether other gateways count there
        _young = recount.CanCount ? [.. state.Snapshot.Limits.Select(limit => Young(limit, state)).OfType<YoungLimit>()] : [];
        recount.Begin(_young);
    }

    private ControlState WithSeeds(ControlState state)
    {
        var seeds = _young.ToDictionary(it => (it.Limit.OrgId, it.Limit.Code), EventRecount.SeedsOf);
        return control.Prepare(state.Snapshot with
        {
            Limits = [.. state.Snapshot.Limits.Select(limit => seeds.TryGetValue((limit.OrgId, limit.Code), out var found) ? limit with { Seeds = found } : limit)],
        });
    }

    private static bool IsExpected(Exception problem) =>
        problem is IOException or UnauthorizedAccessException or FormatException or OverflowException or RedisException or TimeoutException or StoreClosedException;

    private YoungLimit? Young(SnapshotLimit limit, ControlState state)
    {
        if (limit.Since is not { } since || limit.Terms.Window is { IsCalendar: false, Kind: not LimitWindow.Lifetime } || !store.Epoch(limit.OrgId).IsAlone)
            return null;
        var org = state.OrgOf(limit.OrgId)!;
        var zone = limit.Terms.Window.Timezone ?? org.Timezone;
        var (start, end) = WindowCalendar.Of(limit.Terms.Window, TimeZoneInfo.FindSystemTimeZoneById(zone), store.NowMs);
        return start < since.ToUnixTimeMilliseconds() ? new YoungLimit(limit, org, _kinds[limit.Terms.Meter], start, end, zone) : null;
    }
}
