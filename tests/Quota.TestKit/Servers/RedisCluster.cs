namespace Quota.TestKit;

/// <summary>
/// A real Redis cluster of three masters on 127.0.0.1, without replicas: what it takes to show that all keys of one call lie in one
/// slot, and that a client finds it. About two seconds to start; disposing kills it.
/// </summary>
public sealed class RedisCluster : IAsyncDisposable
{
    /// <summary>Where a member keeps who else there is.</summary>
    internal const string NodesFile = "nodes.conf";

    private const int Slots = 16_384;

    private readonly List<RedisServer> _masters = [];

    private RedisCluster()
    {
    }

    /// <summary>Its members, in the order of their slots.</summary>
    public IReadOnlyList<RedisServer> Masters => _masters;

    /// <summary>For StackExchange.Redis; names all three.</summary>
    public string ConnectionString => string.Join(',', _masters.Select(master => master.ConnectionString));

    /// <summary>Starts one and waits until every member says <c>cluster_state:ok</c>.</summary>
    /// <param name="appendOnly">As for <see cref="RedisServer.StartAsync"/>.</param>
    /// <param name="arguments">Further arguments of each: <c>"--cluster-require-full-coverage", "no"</c> lets two go on without the third.</param>
    public static async Task<RedisCluster> StartAsync(bool appendOnly = false, params IReadOnlyList<string> arguments)
    {
        var cluster = new RedisCluster();
        try
        {
            await cluster.JoinAsync(appendOnly, arguments);
            return cluster;
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    /// <summary>The member that holds this key.</summary>
    public async Task<RedisServer> MasterOfAsync(string key)
    {
        var slot = int.Parse((await _masters[0].CommandAsync("CLUSTER", "KEYSLOT", key))!, System.Globalization.CultureInfo.InvariantCulture);
        return _masters[Enumerable.Range(0, _masters.Count).First(i => slot < FirstSlot(i + 1))];
    }

    /// <summary>Removes every key of every member.</summary>
    public Task FlushAllAsync() => Task.WhenAll(_masters.Select(master => master.FlushAllAsync()));

    /// <summary>Returns when every member sees all slots served; after a member was started again, say.</summary>
    public Task ReadyAsync() => Eventually.TrueAsync("the cluster is whole", async () =>
    {
        var states = await Task.WhenAll(_masters.Select(master => master.CommandAsync("CLUSTER", "INFO")));
        return states.All(state => state!.Contains("cluster_state:ok") && state.Contains($"cluster_known_nodes:{_masters.Count}"));
    }, detail: () => _masters[0].Process.Output);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (var master in _masters)
            await master.DisposeAsync();
    }

    private async Task JoinAsync(bool appendOnly, IReadOnlyList<string> arguments)
    {
        List<int> busPorts = [];
        for (var i = 0; i < 3; i++)
        {
            // By default the bus is at the port + 10,000, which may lie beyond the last port.
            busPorts.Add(FreePort.Next());
            _masters.Add(await RedisServer.StartAsync(appendOnly,
                ["--cluster-enabled", "yes", "--cluster-config-file", NodesFile, "--cluster-port", $"{busPorts[i]}", "--cluster-node-timeout", "2000", .. arguments]));
        }
        for (var i = 0; i < _masters.Count; i++)
        {
            await _masters[i].CommandAsync("CLUSTER", "SET-CONFIG-EPOCH", $"{i + 1}");
            await _masters[i].CommandAsync("CLUSTER", "ADDSLOTSRANGE", $"{FirstSlot(i)}", $"{FirstSlot(i + 1) - 1}");
        }
        for (var i = 1; i < _masters.Count; i++)
            await _masters[0].CommandAsync("CLUSTER", "MEET", "127.0.0.1", $"{_masters[i].Port}", $"{busPorts[i]}");
        await ReadyAsync();
    }

    private static int FirstSlot(int member) => member * Slots / 3;
}
