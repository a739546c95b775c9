using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Quota.Gateway.Tests.Forwarding.Cuts;

/// <summary>Stands between the gateway and a provider, byte by byte, and cuts each call where its case says.</summary>
/// <param name="drains">Whether the gateway reads on when the client has gone; else it must end the connection.</param>
internal sealed class CutProxy(int provider, bool drains) : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20), Pace = TimeSpan.FromMilliseconds(25);

    private readonly Socket _listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
    private readonly ConcurrentDictionary<int, CutCase> _cases = [];
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentDictionary<Task, bool> _passing = [];
    private Task _accepting = Task.CompletedTask;

    public string Url => $"http://{_listener.LocalEndPoint}";

    public void Start()
    {
        _listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _listener.Listen(512);
        _accepting = AcceptAsync();
    }

    public void Add(CutCase it) => _cases[it.Number] = it;

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Dispose();
        await _accepting;
        await Task.WhenAll(_passing.Keys);
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                var passing = PassAsync(await _listener.AcceptAsync(_stop.Token));
                _passing[passing] = true;
            }
        }
        catch (OperationCanceledException)
        {
            // Disposed.
        }
    }

    private async Task PassAsync(Socket gateway)
    {
        using var upstream = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        gateway.NoDelay = true;
        using (gateway)
        {
            await upstream.ConnectAsync(IPAddress.Loopback, provider, _stop.Token);
            var passage = new Passage(gateway, upstream);
            var up = Quietly(SendUpAsync(passage));
            var down = Quietly(SendDownAsync(passage, up));
            await Task.WhenAny(up, down);
            passage.End();
            await Task.WhenAll(up, down);
        }
    }

    private async Task SendUpAsync(Passage passage)
    {
        var (buffer, have) = (new byte[64 * 1024], 0);
        while (true)
        {
            int head;
            while ((head = buffer.AsSpan(0, have).IndexOf("\r\n\r\n"u8) + 4) < 4)
            {
                if (await passage.Gateway.ReceiveAsync(buffer.AsMemory(have), _stop.Token) is var count and > 0)
                    have += count;
                else
                    return;
            }
            var headers = Encoding.Latin1.GetString(buffer, 0, head);
            var it = _cases[int.Parse(Find(headers, CutCase.Header), CultureInfo.InvariantCulture)];
            it.Ids.Enqueue(Find(headers, "x-request-id"));
            passage.Begin(it);
            var whole = head + int.Parse(Find(headers, "Content-Length"), CultureInfo.InvariantCulture);
            var left = it.Kind == CutKind.UpstreamInRequest ? head + it.Place : whole;
            while (left > 0)
            {
                if (have == 0 && (have = await passage.Gateway.ReceiveAsync(buffer, _stop.Token)) == 0)
                    return;
                var part = Math.Min(have, left);
                await passage.Upstream.SendAsync(buffer.AsMemory(0, part), _stop.Token);
                buffer.AsSpan(part, have - part).CopyTo(buffer);
                (have, left) = (have - part, left - part);
            }
            if (it.Kind == CutKind.UpstreamInRequest)
            {
                passage.Cut(it.IsAbrupt);
                return;
            }
        }
    }

    private async Task SendDownAsync(Passage passage, Task up)
    {
        var buffer = new byte[64 * 1024];
        while (await passage.Upstream.ReceiveAsync(buffer, _stop.Token) is var count and > 0)
        {
            var rest = buffer.AsMemory(0, count);
            while (!rest.IsEmpty)
            {
                var it = passage.Case!;
                var part = (int)Math.Min(rest.Length, passage.Left);
                it.Passed.Write(rest.Span[..part]);
                await passage.Gateway.SendAsync(rest[..part], _stop.Token);
                passage.Left -= part;
                rest = rest[part..];
                if (!rest.IsEmpty && !await GoesOnAsync(passage, up, it))
                    return;
            }
        }
    }

    /// <summary>At the place of the cut, with bytes left behind it: whether they are passed on after all.</summary>
    private async Task<bool> GoesOnAsync(Passage passage, Task up, CutCase it)
    {
        if (it.Kind == CutKind.UpstreamInAnswer || it.ClientGone.Task.IsCompleted)
        {
            passage.Cut(it.IsAbrupt);
            return false;
        }
        it.Reached.TrySetResult();
        await it.ClientGone.Task.WaitAsync(Patience, _stop.Token);
        if (drains)
        {
            // The provider takes its time: mostly the gateway knows by then that the client has gone, and sometimes the rest overtakes it. Both must be right.
            await Task.Delay(it.Number % 4 * Pace, _stop.Token);
            passage.Left = it.Kind == CutKind.ClientThenUpstream ? it.Further : long.MaxValue;
            return true;
        }
        try
        {
            await up.WaitAsync(Patience, _stop.Token);
        }
        catch (TimeoutException)
        {
            it.Trouble = "the upstream was not aborted when its client had gone";
        }
        return false;
    }

    private static string Find(string headers, string name)
    {
        var at = headers.IndexOf($"\n{name}:", StringComparison.OrdinalIgnoreCase);
        return at < 0 ? throw new InvalidOperationException($"no {name} in {headers}") : headers[(at + name.Length + 2)..headers.IndexOf('\r', at)].Trim();
    }

    /// <summary>Either side may go at any time: that is what this is for.</summary>
    private static async Task Quietly(Task passing)
    {
        try
        {
            await passing;
        }
        catch (Exception problem) when (problem is SocketException or ObjectDisposedException or OperationCanceledException or TimeoutException)
        {
            // What came of it, the events tell.
        }
    }

    /// <summary>One connection of the gateway's, which has one call at a time.</summary>
    private sealed class Passage(Socket gateway, Socket upstream)
    {
        public Socket Gateway => gateway;

        public Socket Upstream => upstream;

        public CutCase? Case { get; private set; }

        /// <summary>Bytes of the answer that pass before something happens.</summary>
        public long Left { get; set; }

        public void Begin(CutCase it) => (Case, Left) = (it, it.Kind is CutKind.ClientInAnswer or CutKind.ClientThenUpstream or CutKind.UpstreamInAnswer ? it.Place : long.MaxValue);

        public void Cut(bool isAbrupt)
        {
            if (isAbrupt)
                gateway.LingerState = new LingerOption(true, 0);
            else
                gateway.Shutdown(SocketShutdown.Send);
            End();
        }

        public void End()
        {
            gateway.Dispose();
            upstream.Dispose();
        }
    }
}
