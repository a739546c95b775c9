using System.Text.Json;
using Quota.Gateway.Limits;

namespace Quota.Gateway.ControlPlane;

/// <summary>Keeps the control state fresh: polls the core by ETag, and starts from the last good copy while the core is away.</summary>
internal sealed class SnapshotRefresher(
    ControlSnapshotClient client, SnapshotFile file, CurrentControl control, SeedJob seeds, ControlPlaneOptions options, GatewayClock clock, ILogger<SnapshotRefresher> log)
    : BackgroundService
{
    private static readonly TimeSpan TouchEvery = TimeSpan.FromMinutes(1);
    private DateTimeOffset _touched;

    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        if (!await RefreshAsync(cancellationToken))
            StartFromFile();
        await base.StartAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(options.PollInterval, clock);
        while (await timer.WaitForNextTickAsync(stoppingToken))
            await RefreshAsync(stoppingToken);
    }

    private async Task<bool> RefreshAsync(CancellationToken cancellation)
    {
        try
        {
            var snapshot = await client.FetchAsync(control.Now?.Version, cancellation);
            var now = clock.RealNow;
            if (snapshot is null)
            {
                control.Confirm(now);
                if (now - _touched > TouchEvery)
                    file.Touch(_touched = now);
                return true;
            }
            var state = control.Prepare(snapshot);
            file.Write(snapshot);   // only what can be used replaces the last good copy
            await seeds.WriteAheadAsync(state);
            control.Replace(state, now);
            log.SnapshotReplaced(snapshot.Version, snapshot.Keys.Count, snapshot.Limits.Count);
            return true;
        }
        catch (Exception problem) when (!cancellation.IsCancellationRequested)
        {
            // The former snapshot stays in force; keys are refused once it is older than MaxStaleness.
            log.SnapshotNotFetched(problem.Message);
            return false;
        }
    }

    private void StartFromFile()
    {
        try
        {
            if (file.Read() is not { } last)
                return;
            control.Replace(control.Prepare(last.Snapshot), last.ConfirmedAt);
            log.StartedFromFile(last.Snapshot.Version, last.ConfirmedAt);
        }
        catch (Exception problem) when (problem is not OperationCanceledException)
        {
            log.SnapshotFileUnusable(problem.Message);   // not ready until the core answers
        }
    }
}
