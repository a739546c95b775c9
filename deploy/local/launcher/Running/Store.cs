using System.Globalization;
using System.Net.Sockets;
using Garnet;

namespace Quota.Local.Running;

/// <summary>
/// The Redis-compatible store: Garnet inside this process, or a Redis that is there already. Garnet keeps its data in memory, so
/// counters begin anew with each start of <c>up</c>.
/// </summary>
internal sealed class Store : IAsyncDisposable
{
    private readonly GarnetServer? _garnet;

    private Store(string connectionString, GarnetServer? garnet) => (ConnectionString, _garnet) = (connectionString, garnet);

    public string ConnectionString { get; }

    public string Description => _garnet is null ? $"Redis at {ConnectionString}" : $"Garnet in this process, {ConnectionString}";

    public static async Task<Store> StartAsync(string? redis, int port)
    {
        if (redis is not null)
        {
            await CheckAsync(redis);
            return new Store(redis, null);
        }

        // Garnet greets on the console with its logo, which is not what a user of Quota looks for.
        var console = Console.Out;
        Console.SetOut(TextWriter.Null);
        try
        {
            return new Store($"127.0.0.1:{port}", StartGarnet(port));
        }
        finally
        {
            Console.SetOut(console);
        }
    }

    public ValueTask DisposeAsync()
    {
        _garnet?.Dispose();
        return ValueTask.CompletedTask;
    }

    private static GarnetServer StartGarnet(int port)
    {
        // Without the transaction mode scripts are not atomic in Garnet, and holds would not be all or none.
        var garnet = new GarnetServer([
            "--bind", "127.0.0.1", "--port", port.ToString(CultureInfo.InvariantCulture), "--lua", "--lua-transaction-mode"]);
        garnet.Start();
        return garnet;
    }

    private static async Task CheckAsync(string redis)
    {
        var parts = redis.Split(':');
        if (parts.Length != 2 || !int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out var port))
            throw new LocalError($"--redis takes HOST:PORT, not {redis}.");
        try
        {
            using var bound = new CancellationTokenSource(TimeSpan.FromSeconds(5));
            using var client = new TcpClient();
            await client.ConnectAsync(parts[0], port, bound.Token);
        }
        catch (Exception error) when (error is SocketException or OperationCanceledException)
        {
            throw new LocalError($"No Redis answers at {redis}. Start one (redis-server --port {port}), or leave --redis out.");
        }
    }
}
