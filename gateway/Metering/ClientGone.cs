using Quota.Gateway.Providers;
using Quota.Shared.Usage;

namespace Quota.Gateway.Metering;

/// <summary>
/// Watches over a call whose answer is read to its end even when its client goes. The upstream is asked with a token of the call's own, which the
/// client's going does not cancel but only bounds: else the upstream's connection would end with the client's.
/// </summary>
/// <param name="sent">The request's body: an upstream that does not have all of it cannot have begun, and is given up at once.</param>
internal sealed class ClientGone(Drains drains, SentStream sent, CancellationToken client) : IDisposable
{
    private readonly CancellationTokenSource _patient = new(), _stop = new();
    private CancellationTokenRegistration _registration;
    private CancellationToken _call;
    private IDisposable? _running;
    private Guid _estimated;
    private int _went;

    /// <summary>Known as soon as the client's token is, which is before anybody has been told.</summary>
    public bool HasGone => Volatile.Read(ref _went) != 0 || client.IsCancellationRequested && sent.WasReadWhole;

    /// <summary>The answer that the client's going left unread; null when there is none.</summary>
    public UsageObservingStream? Rest { get; set; }

    /// <summary>For what the upstream is asked from now on, until the bound.</summary>
    public CancellationToken Token => _stop.Token;

    /// <summary>Waits for the upstream; when that takes longer than an event waits, the call is ended by what is known, and waited for further.</summary>
    public async Task<T> WaitAsync<T>(Task<T> upstream, CallMeter call)
    {
        if (upstream.IsCompleted || call.HasEnded)
            return await upstream;
        try
        {
            return await upstream.WaitAsync(_patient.Token);
        }
        catch (OperationCanceledException)
        {
            if (!upstream.IsCompleted)
            {
                drains.Events.AwaitTruth(_estimated = call.Begin.Id, call.Begin.At);
                await call.EndAsync(UsageStatus.Cancelled);
            }
            return await upstream;
        }
    }

    /// <summary>The same, and from here on the call's own token is listened to: when that ends without the client, as by silence, the upstream is given up at once.</summary>
    public CancellationToken Watch(CancellationToken call)
    {
        if (call != _call)
        {
            _registration.Dispose();
            _call = call;
            _registration = call.UnsafeRegister(static it => ((ClientGone)it!).Ended(), this);
        }
        return _stop.Token;
    }

    public void Dispose()
    {
        _registration.Dispose();
        drains.Events.HaveTruth(_estimated);
        _running?.Dispose();   // the sources are left: a timer that has just fired may still cancel them
    }

    private void Ended()
    {
        if (!client.IsCancellationRequested || !sent.WasReadWhole)
            _stop.Cancel();
        else if (Interlocked.Exchange(ref _went, 1) == 0)
            _running = drains.Start(_patient, _stop);
    }
}
