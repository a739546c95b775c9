using System.Net;
using System.Net.Sockets;
using System.Text;
using Quota.TestKit;

namespace Quota.EndToEnd.Tests.NothingLost;

/// <summary>The wire that the proofs of this folder are made with does what it says, or they would prove nothing.</summary>
public sealed class FaultyWireTests : IAsyncLifetime
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly List<string> _arrived = [];
    private Task _echo = Task.CompletedTask;

    private int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    public ValueTask InitializeAsync()
    {
        _listener.Start();
        _echo = EchoAsync();
        return ValueTask.CompletedTask;
    }

    public async ValueTask DisposeAsync()
    {
        _listener.Stop();
        await _echo;
    }

    [Fact]
    public async Task A_calm_wire_passes_everything_both_ways()
    {
        await using var wire = new FaultyWire(Port, seed: 1);
        var large = new string('x', 300_000);
        (await SayAsync(wire, "one")).ShouldBe("one");
        (await SayAsync(wire, large)).ShouldBe(large);
        wire.Done.ShouldBeEmpty();
    }

    [Theory]
    [InlineData(WireFault.CutAnswer, true, false)]
    [InlineData(WireFault.Delay, true, true)]
    [InlineData(WireFault.BlackHole, false, false)]
    [InlineData(WireFault.HalfClose, true, true)]
    [InlineData(WireFault.Reset, false, false)]
    public async Task Each_fault_is_what_it_says(WireFault fault, bool arrives, bool isAnswered)
    {
        await using var wire = new FaultyWire(Port, seed: 3, fault) { Odds = 1 };
        var answered = 0;
        for (var i = 0; i < 12; i++)
            answered += await SayAsync(wire, $"{fault} {i}") == $"{fault} {i}" ? 1 : 0;
        if (fault == WireFault.CutAnswer)
            answered.ShouldBeLessThan(12);   // some lose only what comes after the first pieces
        else
            answered.ShouldBe(isAnswered ? 12 : 0);
        lock (_arrived)
            _arrived.Count(it => it.StartsWith($"{fault} ", StringComparison.Ordinal)).ShouldBe(arrives ? 12 : 0);
        wire.Done[fault].ShouldBe(12);
    }

    [Fact]
    public async Task What_befalls_whom_follows_from_the_seed_and_the_odds()
    {
        var runs = new List<string>();
        foreach (var seed in new[] { 7, 7, 8 })
        {
            await using var wire = new FaultyWire(Port, seed, WireFault.Reset, WireFault.Delay) { Odds = 0.2 };
            var fates = new StringBuilder();
            for (var i = 0; i < 200; i++)
                fates.Append(await SayAsync(wire, $"{i}") is null ? 'x' : '.');
            runs.Add(fates.ToString());
            wire.Done.Values.Sum().ShouldBeInRange(20, 60);
            wire.Messages.ShouldBe(200);
        }
        runs[1].ShouldBe(runs[0]);
        runs[2].ShouldNotBe(runs[0]);
    }

    [Fact]
    public async Task It_is_calmed_while_connections_are_open_and_holds_no_more_of_them_than_it_says()
    {
        await using var wire = new FaultyWire(Port, seed: 1, WireFault.BlackHole) { Odds = 1 };
        var lost = Enumerable.Range(0, 20).Select(i => SayAsync(wire, $"lost {i}")).ToArray();
        await Eventually.TrueAsync("they are in the hole", () => wire.Messages == 20);
        wire.Calm();
        (await Task.WhenAll(lost)).ShouldAllBe(answer => answer == null);
        (await SayAsync(wire, "calm")).ShouldBe("calm");

        List<TcpClient> held = [];
        var cut = 0;
        for (var i = 0; i < FaultyWire.MostLinks + 5; i++)
        {
            held.Add(new TcpClient());
            try
            {
                await held[^1].ConnectAsync(IPAddress.Loopback, wire.Port);
            }
            catch (SocketException)
            {
                cut++;   // before the caller knew that it was connected
            }
        }
        await Eventually.TrueAsync("those beyond the bound are cut", () => cut + held.Count(it => it.Connected && it.Client.Poll(0, SelectMode.SelectRead)) >= 5);
        wire.Links.ShouldBeLessThanOrEqualTo(FaultyWire.MostLinks);
        held.ForEach(it => it.Dispose());
    }

    [Fact]
    public async Task A_port_that_nobody_listens_on_cuts_the_caller()
    {
        await using var wire = new FaultyWire(FreePort.Next(), seed: 1);
        (await SayAsync(wire, "hello")).ShouldBeNull();
        wire.Target = Port;
        (await SayAsync(wire, "hello")).ShouldBe("hello");
    }

    /// <summary>What is answered to this on a connection of its own; null when it breaks off.</summary>
    private static async Task<string?> SayAsync(FaultyWire wire, string text)
    {
        try
        {
            using var client = new TcpClient();
            await client.ConnectAsync(IPAddress.Loopback, wire.Port);
            var stream = client.GetStream();
            var answer = new byte[text.Length];
            var sending = stream.WriteAsync(Encoding.ASCII.GetBytes(text)).AsTask();
            await stream.ReadExactlyAsync(answer).AsTask().WaitAsync(TimeSpan.FromSeconds(5));
            await sending;
            return Encoding.ASCII.GetString(answer);
        }
        catch (Exception problem) when (problem is IOException or SocketException)
        {
            return null;
        }
    }

    private async Task EchoAsync()
    {
        while (true)
        {
            TcpClient client;
            try
            {
                client = await _listener.AcceptTcpClientAsync();
            }
            catch (Exception problem) when (problem is SocketException or ObjectDisposedException or InvalidOperationException)
            {
                return;   // stopped, be it between two of them
            }
            _ = EchoAsync(client);
        }
    }

    private async Task EchoAsync(TcpClient client)
    {
        using (client)
        {
            try
            {
                var buffer = new byte[64 * 1024];
                while (await client.GetStream().ReadAsync(buffer) is var count and > 0)
                {
                    lock (_arrived)
                        _arrived.Add(Encoding.ASCII.GetString(buffer, 0, count));
                    await client.GetStream().WriteAsync(buffer.AsMemory(0, count));
                }
            }
            catch (Exception problem) when (problem is IOException or ObjectDisposedException)
            {
                // The caller has gone.
            }
        }
    }
}
