using Quota.Gateway.Limits.Store;
using StackExchange.Redis;

namespace Quota.Gateway.Limits;

/// <summary>
/// Asks every server each second who it is: a changed run id or replication id, a replica where a primary was, or a policy that may evict
/// counters closes what is counted there before the next request has to find out (protocols A8).
/// </summary>
internal sealed class StoreProbe(StoreConnection connection, QuotaStore store, GatewayClock clock, ILogger<StoreProbe> log) : BackgroundService
{
    private const int MostAtOnce = 500;
    private readonly Dictionary<string, ServerInfo> _seen = [];

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(1), clock);
        do
        {
            try
            {
                await LookAsync();
                foreach (var part in store.Epochs.Chunk(MostAtOnce))
                    await Task.WhenAll(part.Select(epoch => epoch.LookAsync()));
            }
            catch (Exception problem) when (problem is RedisException or TimeoutException or StoreClosedException)
            {
                // Down: the next reserve says so by itself.
                log.StoreSilent(problem.Message);
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    internal async Task LookAsync()
    {
        var servers = await connection.ServersAsync();
        if (servers.Count == 0)
            return;
        var reason = servers.FirstOrDefault(server => server.IsPrimary && server.EvictionPolicy != "noeviction") is { } evicting
            ? $"its maxmemory-policy is {evicting.EvictionPolicy}, which forgets counters; set noeviction"
            : servers.All(server => !server.IsPrimary) ? "it is a replica, which takes no writes" : null;
        if (reason is not null && store.Unfit is null)
            log.StoreUnfit(reason);
        store.Unfit = reason is null ? null : $"the counter store must not be used: {reason}";
        foreach (var server in servers)
        {
            var address = server.Address.ToString() ?? "";
            var before = _seen.GetValueOrDefault(address);
            _seen[address] = server;
            if (before is null || (before.RunId == server.RunId && before.ReplicationId == server.ReplicationId))
                continue;
            log.ServerChanged(address, before.RunId != server.RunId ? "run id" : "replication id");
            foreach (var epoch in store.Epochs)
                epoch.Suspect("the counter store was restarted or replaced");
        }
    }
}
