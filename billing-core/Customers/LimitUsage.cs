using Npgsql;

namespace Quota.Billing.Customers;

/// <summary>What is used of limits now, for the people who read or change them.</summary>
internal sealed class LimitUsage(NpgsqlDataSource database, TimeProvider clock, ILogger<LimitUsage> log)
{
    /// <summary>
    /// For the sums of one answer together: about six million events. What is not summed by then is unknown, since a change that was
    /// made must not be answered as if it had failed.
    /// </summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    /// <summary>By node, largest first; null for rates and concurrency, which only the gateways' counters know, and when it took too long.</summary>
    public async Task<IReadOnlyList<NodeUsage>?> ReadAsync(Limit limit) => (await ReadAsync([limit]))[0];

    /// <summary>For each limit, in order.</summary>
    public async Task<IReadOnlyList<IReadOnlyList<NodeUsage>?>> ReadAsync(IReadOnlyList<Limit> limits)
    {
        var (now, started) = (clock.GetUtcNow(), clock.GetTimestamp());
        await using var connection = await database.OpenConnectionAsync();
        var used = new List<IReadOnlyList<NodeUsage>?>();
        foreach (var limit in limits)
        {
            var rest = (int)(Patience - clock.GetElapsedTime(started)).TotalSeconds;
            used.Add(rest > 0 && UsageQuery.WindowOf(limit, now) is { } window ? await SumAsync(connection, limit, window, rest) : null);
        }
        return used;
    }

    private async Task<IReadOnlyList<NodeUsage>?> SumAsync(NpgsqlConnection connection, Limit limit, (long Start, long End) window, int patience)
    {
        try
        {
            return await UsageQuery.ReadAsync(connection, limit, window, UsageOf.All, patience);
        }
        catch (NpgsqlException error) when (error.InnerException is TimeoutException)
        {
            Log.UsageNotRead(log, limit.Code, patience);
            return null;
        }
    }
}
