using System.Collections.Concurrent;
using Quota.Gateway.Spool;

namespace Quota.Gateway.Metering;

/// <summary>
/// Notes in the spool, once a second, how far each running stream is that has moved since: should this gateway die, the next start charges what was
/// delivered (protocols.md, C2). The streams are looked at from beside; reading them costs nothing.
/// </summary>
internal sealed class RunningStreams(CallSpool spool, GatewayClock clock) : BackgroundService
{
    private static readonly TimeSpan Often = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<CallMeter, byte> _calls = new();

    public int Count => _calls.Count;

    public void Add(CallMeter call) => _calls.TryAdd(call, 0);

    public void Remove(CallMeter call) => _calls.TryRemove(call, out _);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Often, clock);
        while (await timer.WaitForNextTickAsync(stoppingToken))
            Note();
    }

    internal void Note()
    {
        foreach (var (call, _) in _calls)
        {
            if (call.HasEnded)
                Remove(call);   // it ended while it was added
            else if (call.TakeProgress() is { } progress)
                spool.Progressed(progress);
        }
    }
}
