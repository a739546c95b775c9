using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace Quota.TestKit;

/// <summary>
/// Stands between a caller and a port of 127.0.0.1 and does to their connections what networks do. Calm until <see cref="Odds"/> says
/// otherwise. What befalls the n-th message of the m-th connection follows from the seed. Holds one buffer a direction of at most
/// <see cref="MostLinks"/> connections; more are cut at once. Disposing stops it.
/// </summary>
public sealed class FaultyWire : IAsyncDisposable
{
    public const int MostLinks = 1_000;

    public static readonly TimeSpan LongestDelay = TimeSpan.FromMilliseconds(120), LongestHole = TimeSpan.FromMilliseconds(900);

    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly ConcurrentDictionary<WireLink, bool> _links = new();
    private readonly ConcurrentDictionary<WireFault, int> _done = new();
    private readonly WireFault[] _kinds;
    private readonly int _seed;
    private readonly Task _accepting;
    private int _connections, _messages;

    /// <param name="target">The port that it leads to.</param>
    /// <param name="kinds">What may befall it; everything when none is named.</param>
    public FaultyWire(int target, int seed, params IReadOnlyList<WireFault> kinds)
    {
        (Target, _seed, _kinds) = (target, seed, kinds.Count > 0 ? [.. kinds] : Enum.GetValues<WireFault>());
        _listener.Start();
        _accepting = AcceptAsync();
    }

    /// <summary>Its own port on 127.0.0.1.</summary>
    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>Where new connections lead to.</summary>
    public int Target { get; set; }

    /// <summary>The share of messages that something befalls; a message is what the caller has said at once. 0 is calm.</summary>
    public double Odds { get; set; }

    /// <summary>Messages that passed or were meant to.</summary>
    public int Messages => Volatile.Read(ref _messages);

    /// <summary>What was done so far.</summary>
    public IReadOnlyDictionary<WireFault, int> Done => _done;

    /// <summary>Connections of now.</summary>
    public int Links => _links.Count;

    /// <summary>Nothing befalls it any more; what was begun is cut short.</summary>
    public void Calm()
    {
        Odds = 0;
        foreach (var link in _links.Keys.Where(link => link.IsSpoilt))
            link.Dispose();
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        _listener.Stop();
        await _accepting;
        foreach (var link in _links.Keys)
            link.Dispose();
    }

    /// <summary>What befalls this message, if anything.</summary>
    internal WireFault? Draw(Random random)
    {
        Interlocked.Increment(ref _messages);
        if (random.NextDouble() >= Odds)
            return null;
        var fault = _kinds[random.Next(_kinds.Length)];
        _done.AddOrUpdate(fault, 1, (_, count) => count + 1);
        return fault;
    }

    private async Task AcceptAsync()
    {
        while (true)
        {
            Socket caller;
            try
            {
                caller = await _listener.AcceptSocketAsync();
            }
            catch (Exception problem) when (problem is SocketException or ObjectDisposedException or InvalidOperationException)   // the last: stopped between two
            {
                return;
            }
            var link = new WireLink(this, caller, new Random(unchecked(_seed * 1_000_003 + _connections++)));
            if (_links.Count < MostLinks && _links.TryAdd(link, true))
                _ = RunAsync(link);
            else
                link.Dispose();
        }
    }

    private async Task RunAsync(WireLink link)
    {
        try
        {
            await link.RunAsync();
        }
        finally
        {
            link.Dispose();
            _links.TryRemove(link, out _);
        }
    }
}
