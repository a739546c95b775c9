using System.Collections.Concurrent;
using Polly;
using Polly.Retry;
using Quota.Gateway.ControlPlane;
using Quota.Gateway.Diagnostics;
using Quota.Gateway.Limits.Store;
using Quota.Shared.ControlPlane;
using StackExchange.Redis;

namespace Quota.Gateway.Limits.Facts;

/// <summary>
/// Tells what the scripts have put aside: an org's facts as soon as one of our calls left some, every org's now and then, for gateways
/// that died. A fact leaves the store only once it was confirmed (protocols A11).
/// </summary>
internal sealed class FactJob(
    QuotaStore store, StoreEvents events, IFactSink sink, CurrentControl control, GatewayMetrics metrics, LimitsOptions options, GatewayClock clock, ILogger<FactJob> log)
    : BackgroundService
{
    private readonly ConcurrentDictionary<string, bool> _waiting = new();
    private readonly ResiliencePipeline _retry = new ResiliencePipelineBuilder { TimeProvider = clock }.AddRetry(new RetryStrategyOptions
    {
        ShouldHandle = new PredicateBuilder().Handle<HttpRequestException>().Handle<TaskCanceledException>(problem => problem.InnerException is TimeoutException),
        MaxRetryAttempts = 3,
        Delay = TimeSpan.FromMilliseconds(200),
        BackoffType = DelayBackoffType.Exponential,
        UseJitter = true,
    }).Build();

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        events.Told = orgId => _waiting[orgId] = true;
        var (interval, sweep) = (TimeSpan.FromMilliseconds(100), options.HoldDeadline / 3);
        var since = sweep;   // whatever an earlier run left behind
        using var timer = new PeriodicTimer(interval, clock);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            if ((since += interval) >= sweep)
            {
                since = TimeSpan.Zero;
                foreach (var org in control.Now?.Orgs ?? [])
                    _waiting[org.Id] = true;
            }
            foreach (var orgId in _waiting.Keys.ToArray())
            {
                _waiting.TryRemove(orgId, out _);
                if (control.Now?.OrgOf(orgId) is { } org && !await TryTellAsync(org, stoppingToken))
                    break;   // who is told is away: the others wait for the next sweep, too
            }
        }
    }

    private async Task<bool> TryTellAsync(SnapshotOrg org, CancellationToken cancellation)
    {
        try
        {
            while (await TellAsync(org, cancellation) == FactReport.MostFacts)
            {
            }
            return true;
        }
        catch (Exception problem) when (problem is HttpRequestException or RedisException or TimeoutException or TaskCanceledException && !cancellation.IsCancellationRequested)
        {
            log.FactsNotTold(org.Code, problem.Message);
            return false;
        }
    }

    internal async Task<int> TellAsync(SnapshotOrg org, CancellationToken cancellation)
    {
        var entries = await store.FactsAsync(org.Id, FactReport.MostFacts);
        if (entries.Count == 0)
            return 0;
        LimitFact[] facts = [.. entries.Select(entry => FactReader.Read(entry.ToString(), org)).OfType<LimitFact>()];
        if (facts.Length > 0)
            await _retry.ExecuteAsync(async token => await sink.TellAsync(facts, token), cancellation);
        await store.ForgetFactsAsync(org.Id, entries);
        foreach (var fact in facts)
        {
            metrics.Fact(fact.Kind);
            if (fact.Kind == LimitFact.Over)
                log.UsedOver(fact.RequestId, fact.Org, fact.Used, fact.Counter);
        }
        return entries.Count;
    }
}
