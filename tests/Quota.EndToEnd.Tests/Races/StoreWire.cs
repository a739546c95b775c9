using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace Quota.EndToEnd.Tests.Races;

/// <summary>
/// The wire between one gateway and the store. It can lose the answers while what is asked still arrives, so that the gateway does not
/// know what was done.
/// </summary>
internal sealed class StoreWire : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly ConcurrentDictionary<Link, bool> _links = new();
    private readonly int _port;
    private readonly Task _accepting;
    private volatile bool _loses;

    public StoreWire(int port)
    {
        _port = port;
        _listener.Start();
        _accepting = AcceptAsync();
    }

    public string ConnectionString => $"127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}";

    /// <summary>From now on no answer arrives.</summary>
    public void LoseAnswers() => _loses = true;

    /// <summary>New connections work again; those that lost an answer are cut, or later answers would be taken for the lost ones.</summary>
    public void Mend()
    {
        _loses = false;
        foreach (var link in _links.Keys.Where(link => link.HasLost))
            link.Dispose();
    }

    public async ValueTask DisposeAsync()
    {
        _listener.Stop();
        await _accepting;
        foreach (var link in _links.Keys)
            link.Dispose();
    }

    private async Task AcceptAsync()
    {
        while (true)
        {
            TcpClient client;
            try
            {
                client = await _listener.AcceptTcpClientAsync();
            }
            catch (Exception problem) when (problem is SocketException or ObjectDisposedException)
            {
                return;
            }
            _ = LinkAsync(new Link(client));
        }
    }

    private async Task LinkAsync(Link link)
    {
        using (link)
        {
            _links[link] = true;
            try
            {
                await link.Store.ConnectAsync(IPAddress.Loopback, _port);
                await Task.WhenAny(PassAsync(link.Gateway, link.Store, () => false), PassAsync(link.Store, link.Gateway, () => link.HasLost = link.HasLost || _loses));
            }
            catch (Exception problem) when (problem is SocketException or ObjectDisposedException)
            {
                // Nobody there: the gateway sees its connection end.
            }
            _links.TryRemove(link, out _);
        }
    }

    private static async Task PassAsync(TcpClient from, TcpClient to, Func<bool> loses)
    {
        var buffer = new byte[16 * 1024];
        try
        {
            var (source, target) = (from.GetStream(), to.GetStream());
            while (await source.ReadAsync(buffer) is var count and > 0)
            {
                if (!loses())
                    await target.WriteAsync(buffer.AsMemory(0, count));
            }
        }
        catch (Exception problem) when (problem is IOException or ObjectDisposedException or InvalidOperationException)
        {
            // One of them has gone; so does the other.
        }
    }

    private sealed class Link : IDisposable
    {
        public Link(TcpClient gateway)
        {
            Gateway = gateway;
            Gateway.NoDelay = Store.NoDelay = true;
        }

        public TcpClient Gateway { get; }

        public TcpClient Store { get; } = new();

        public bool HasLost { get; set; }

        public void Dispose()
        {
            Gateway.Dispose();
            Store.Dispose();
        }
    }
}
