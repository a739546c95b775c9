using Dapper;
using Npgsql;
using Quota.Billing.Epochs;

namespace Quota.Billing.Gateways;

/// <summary>A gateway as the core knows it. A row of <c>gateways</c>.</summary>
/// <param name="Instance">Its id, kept in its spool folder.</param>
/// <param name="Watermark">Everything older has been shipped.</param>
/// <param name="PolledAt">When it last asked for the snapshot or for counters; null for one that only posted usage.</param>
/// <param name="SeenAt">When it was last heard of at all.</param>
/// <param name="LostAt">When it was declared lost; for good.</param>
internal sealed record GatewayInstance(string Instance, DateTimeOffset? Watermark, DateTimeOffset? PolledAt, DateTimeOffset SeenAt, DateTimeOffset? LostAt);

/// <summary>What became of a declaration.</summary>
internal abstract record Declaration
{
    public sealed record Lost(GatewayInstance Gateway) : Declaration;

    public sealed record Unknown : Declaration;

    /// <summary>It was heard of too short a time ago.</summary>
    public sealed record HeardOf(DateTimeOffset At, TimeSpan Ago) : Declaration;
}

/// <summary>Lists gateways and declares them lost. What is heard of them is written by <see cref="Ingest.GatewayInstances"/>.</summary>
internal sealed class GatewayStore(NpgsqlDataSource database, EpochStore epochs, GatewaysOptions options, TimeProvider clock)
{
    private const string Columns = "instance, watermark, polled_at, seen_at, lost_at";

    public async Task<(IReadOnlyList<GatewayInstance> Items, long Total)> ListAsync(int offset, int count)
    {
        await using var connection = await database.OpenConnectionAsync();
        var items = await connection.QueryAsync<GatewayInstance>($"select {Columns} from gateways order by instance offset @offset limit @count", new { offset, count });
        return (items.AsList(), await connection.ExecuteScalarAsync<long>("select count(*) from gateways"));
    }

    /// <summary>Said again, it changes nothing. A gathering that waits for the gateway begins anew without it, in the same transaction.</summary>
    public async Task<Declaration> DeclareLostAsync(string instance, CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        await EpochStore.LockAsync(connection, isDeclaration: true);
        var now = clock.GetUtcNow();
        var found = await connection.QuerySingleOrDefaultAsync<GatewayInstance>($"select {Columns} from gateways where instance = @instance for update", new { instance });
        if (found is null)
            return new Declaration.Unknown();
        if (found.LostAt is not null)
            return new Declaration.Lost(found);
        if (now - found.SeenAt < options.LostAfter)
            return new Declaration.HeardOf(found.SeenAt, now - found.SeenAt);
        var lost = await connection.QuerySingleAsync<GatewayInstance>($"update gateways set lost_at = @now where instance = @instance returning {Columns}", new { instance, now });
        await epochs.GatherWithoutAsync(connection, instance);
        await transaction.CommitAsync(cancel);
        return new Declaration.Lost(lost);
    }
}
