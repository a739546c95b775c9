using System.Net;
using System.Net.Sockets;

namespace Quota.TestKit;

/// <summary>One connection on a <see cref="FaultyWire"/>.</summary>
internal sealed class WireLink : IDisposable
{
    private const int BufferBytes = 16 * 1024;

    private readonly FaultyWire _wire;
    private readonly Socket _caller, _server = new(SocketType.Stream, ProtocolType.Tcp);
    private readonly Random _random;
    private int _answersLeft = int.MaxValue;
    private volatile bool _isHole, _endedWell;

    public WireLink(FaultyWire wire, Socket caller, Random random)
    {
        (_wire, _caller, _random) = (wire, caller, random);
        _caller.NoDelay = _server.NoDelay = true;
    }

    /// <summary>Whether something was begun on it that ends with a cut.</summary>
    public bool IsSpoilt => _isHole || Volatile.Read(ref _answersLeft) < int.MaxValue;

    /// <summary>Until either side, or a fault, has ended it.</summary>
    public async Task RunAsync()
    {
        try
        {
            await _server.ConnectAsync(IPAddress.Loopback, _wire.Target);
            var (asking, answering) = (AskAsync(), AnswerAsync());
            // When the caller has said all that it has to say, the answer still passes.
            if (await Task.WhenAny(asking, answering) == asking && await asking)
                await answering;
        }
        catch (Exception problem) when (problem is SocketException or ObjectDisposedException)
        {
            // Nobody there, or gone.
        }
    }

    /// <summary>Cuts both sides: with a reset, unless the server has ended it in good order.</summary>
    public void Dispose()
    {
        foreach (var socket in new[] { _caller, _server })
        {
            try
            {
                if (!_endedWell)
                    socket.LingerState = new LingerOption(true, 0);
            }
            catch (Exception problem) when (problem is SocketException or ObjectDisposedException)
            {
                // Closed already.
            }
            socket.Dispose();
        }
    }

    /// <summary>True when the caller ended it in good order.</summary>
    private async Task<bool> AskAsync()
    {
        var buffer = new byte[BufferBytes];
        try
        {
            while (await _caller.ReceiveAsync(buffer) is var count and > 0)
            {
                var fault = _wire.Draw(_random);
                switch (fault)
                {
                    case WireFault.Reset:
                        return false;
                    case WireFault.BlackHole:
                        _isHole = true;
                        await Task.Delay(FaultyWire.LongestHole * _random.NextDouble());
                        return false;
                    case WireFault.Delay:
                        await Task.Delay(FaultyWire.LongestDelay * _random.NextDouble());
                        break;
                    case WireFault.CutAnswer:
                        // Half of them lose the whole answer, the others what comes after some pieces of it.
                        Volatile.Write(ref _answersLeft, Math.Max(0, _random.Next(-4, 4)));
                        break;
                }
                await SendAsync(_server, buffer.AsMemory(0, count));
                if (fault == WireFault.HalfClose)
                    break;
            }
            _server.Shutdown(SocketShutdown.Send);
            return true;
        }
        catch (Exception problem) when (problem is SocketException or ObjectDisposedException)
        {
            return false;
        }
    }

    private async Task AnswerAsync()
    {
        var buffer = new byte[BufferBytes];
        try
        {
            while (await _server.ReceiveAsync(buffer) is var count and > 0)
            {
                if (Volatile.Read(ref _answersLeft) < int.MaxValue && Interlocked.Decrement(ref _answersLeft) < 0)
                    return;
                if (!_isHole)
                    await SendAsync(_caller, buffer.AsMemory(0, count));
            }
        }
        catch (Exception problem) when (problem is SocketException or ObjectDisposedException)
        {
            return;
        }
        _endedWell = !_isHole;
    }

    private static async Task SendAsync(Socket to, ReadOnlyMemory<byte> bytes)
    {
        while (bytes.Length > 0)
            bytes = bytes[await to.SendAsync(bytes)..];
    }
}
