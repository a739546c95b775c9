using Quota.Gateway.Providers;
using Quota.Shared.Usage;

namespace Quota.Gateway.Metering;

/// <summary>How long, and how many at once, answers are read on for whose clients have gone.</summary>
/// <param name="patience">So long a call's event waits for the truth; then an estimate is written.</param>
/// <param name="bound">So long the truth is waited for; it then corrects the estimate.</param>
internal sealed class Drains(TimeSpan patience, TimeSpan bound, int most, TimeProvider clock)
{
    private int _running;

    /// <param name="client">Cancelled when the client goes.</param>
    public ClientGone Watch(SentStream sent, CancellationToken client) => new(this, sent, client);

    /// <summary>Cancels <paramref name="patient"/> after the patience and <paramref name="stop"/> after the bound, both at once when too many run; dispose to end.</summary>
    public IDisposable Start(CancellationTokenSource patient, CancellationTokenSource stop)
    {
        var isOneTooMany = Interlocked.Increment(ref _running) > most || bound == TimeSpan.Zero;
        ITimer After(CancellationTokenSource source, TimeSpan time) => clock.CreateTimer(static it => ((CancellationTokenSource)it!).Cancel(), source, isOneTooMany ? TimeSpan.Zero : time, Timeout.InfiniteTimeSpan);
        return new Running(this, After(patient, patience < bound ? patience : bound), After(stop, bound));
    }

    private sealed class Running(Drains drains, ITimer patience, ITimer bound) : IDisposable
    {
        public void Dispose()
        {
            patience.Dispose();
            bound.Dispose();
            Interlocked.Decrement(ref drains._running);
        }
    }
}

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
                await call.EndAsync(UsageStatus.Cancelled);
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
