using System.Collections.Concurrent;
using Quota.Gateway.ControlPlane;
using Quota.Gateway.Limits.Store;
using StackExchange.Redis;

namespace Quota.Gateway.Limits;

/// <summary>
/// Writes the seeds of the control snapshot into the counters that need one: a limit that is younger than its window counts from what was
/// used before it, or not at all. Until a seed is there the script answers unseeded, so nothing here is urgent for safety.
/// </summary>
internal sealed class SeedJob(QuotaStore store, CurrentControl control, GatewayClock clock, ILogger<SeedJob> log) : BackgroundService
{
    private readonly ConcurrentDictionary<string, (long Version, string? Epoch)> _written = new();
    private ControlState? _seen;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(100), clock);
        while (await timer.WaitForNextTickAsync(stoppingToken))
            await SeedAsync();
    }

    /// <summary>
    /// Writes a state's seeds before it comes into force, so that a young limit bites with what was used before it, and not with a refusal.
    /// A store that is away changes nothing: then the script refuses until the seed is there.
    /// </summary>
    public Task WriteAheadAsync(ControlState state) => WriteAsync(state);

    private async Task SeedAsync()
    {
        if (control.Now is not { } state)
            return;
        if (!ReferenceEquals(_seen, state))
        {
            _seen = state;
            var seeded = state.Counters.Where(counter => counter.Seeds.Count > 0).Select(counter => counter.WindowsAt(store.NowMs).Current).ToHashSet();
            foreach (var it in _written.Keys.Where(it => !seeded.Contains(it)))
                _written.TryRemove(it, out _);
        }
        await WriteAsync(state);
    }

    private async Task WriteAsync(ControlState state)
    {
        // Org by org: one whose counters are closed holds up no other.
        foreach (var org in state.Counters.Where(counter => counter.Seeds.Count > 0).GroupBy(counter => counter.OrgId))
        {
            try
            {
                foreach (var counter in org)
                    await WriteAsync(counter);
            }
            catch (Exception problem) when (problem is RedisException or TimeoutException or StoreClosedException)
            {
                log.StoreSilent(problem.Message);
            }
        }
    }

    private async Task WriteAsync(LimitCounter counter)
    {
        var window = counter.WindowsAt(store.NowMs);
        if (counter.SeedOf(window.Start) is not { } seed
            || (_written.TryGetValue(window.Current, out var written) && written.Version >= seed.Version && written.Epoch == store.Epoch(counter.OrgId).Id))
            return;
        await store.SeedAsync(counter.OrgId, window.Current, seed.Used, seed.Version, counter.EndAt(store.NowMs));
        _written[window.Current] = (seed.Version, store.Epoch(counter.OrgId).Id);
    }
}
