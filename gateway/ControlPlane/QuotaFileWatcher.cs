using Quota.Gateway.Forwarding;

namespace Quota.Gateway.ControlPlane;

/// <summary>Reads <c>quota.yaml</c> again when it changes, within a second. A file with mistakes changes nothing.</summary>
internal sealed class QuotaFileWatcher(ControlPlaneOptions options, UpstreamPool upstreams, GatewayClock clock, ILogger<QuotaFileWatcher> log, LimitDates? dates = null, StandaloneSeeds? seeds = null)
    : BackgroundService
{
    private DateTime _read = File.GetLastWriteTimeUtc(options.File);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(1), clock);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            var written = File.GetLastWriteTimeUtc(options.File);
            if (written == _read)
                continue;
            _read = written;
            try
            {
                await RereadAsync();
            }
            catch (Exception problem) when (problem is not OperationCanceledException)
            {
                log.FileHasMistakes(options.File, problem.Message);   // whatever it is, the gateway goes on with what was in force
            }
        }
    }

    internal async Task RereadAsync()
    {
        List<string> mistakes = [];
        if (QuotaFile.Read(options.File, options.Url is null, mistakes) is not { } file)
        {
            log.FileHasMistakes(options.File, string.Join('\n', mistakes));
            return;
        }
        if (file.Snapshot is { } snapshot)
            await seeds!.ReplaceAsync(dates!.Date(snapshot));   // both are there when the file has limits
        upstreams.Replace(file.Upstreams);
        log.FileReread(options.File);
    }
}
