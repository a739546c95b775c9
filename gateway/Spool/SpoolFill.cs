namespace Quota.Gateway.Spool;

/// <summary>Says, once each time, that the spool has become nearly full, and that it has room again.</summary>
internal sealed class SpoolFill(CallSpool spool, GatewayClock clock, ILogger<SpoolFill> log) : BackgroundService
{
    /// <summary>The share of its bytes from which on it is said.</summary>
    public const double Warned = 0.8;

    private static readonly TimeSpan Often = TimeSpan.FromSeconds(1);

    private bool _isWarned;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Often, clock);
        while (await timer.WaitForNextTickAsync(stoppingToken))
            Look();
    }

    internal void Look()
    {
        var share = spool.Share;
        if (share >= Warned == _isWarned)
            return;
        _isWarned = !_isWarned;
        if (_isWarned)
            log.SpoolFills((int)(share * 100));
        else
            log.SpoolHasRoom();
    }
}
