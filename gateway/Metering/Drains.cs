using Quota.Gateway.Providers;
using Quota.Gateway.Spool;

namespace Quota.Gateway.Metering;

/// <summary>How long, and how many at once, answers are read on for whose clients have gone.</summary>
/// <param name="patience">So long a call's event waits for the truth; then an estimate is written.</param>
/// <param name="bound">So long the truth is waited for; it then corrects the estimate.</param>
/// <param name="events">Told of estimates that the truth may yet correct.</param>
internal sealed class Drains(TimeSpan patience, TimeSpan bound, int most, OpenEvents events, TimeProvider clock)
{
    private int _running;

    public OpenEvents Events => events;

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
