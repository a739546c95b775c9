namespace Quota.Gateway.Spool;

/// <summary>The thread that fsyncs.</summary>
internal sealed class SpoolFlusher : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly SpoolLog _log;
    private readonly TimeSpan _interval;
    private readonly Thread _thread;
    private readonly ManualResetEvent _stop = new(false);

    public SpoolFlusher(SpoolLog log, TimeSpan interval)
    {
        (_log, _interval) = (log, interval);
        _thread = new Thread(Run) { IsBackground = true, Name = "spool flush" };
        _thread.Start();
    }

    /// <summary>Ends with everything fsynced, and marked so; unless the disk hangs: then it is as after a kill.</summary>
    public void Dispose()
    {
        _stop.Set();
        if (!_thread.Join(Patience))
            return;
        _log.Dispose();
        _stop.Dispose();
    }

    private void Run()
    {
        while (!_stop.WaitOne(_interval))
            _log.FlushOnce();
        _log.FlushOnce();
        _log.FlushOnce(isLast: true);
    }
}
