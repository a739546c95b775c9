using System.Collections.Concurrent;
using Dapper;
using Npgsql;

namespace Quota.Billing.Ingest;

/// <summary>
/// How far each gateway has shipped, and when it was last heard of. Outside the batches' transactions, because a watermark is true by itself,
/// and the batches of one gateway would wait for each other at its row.
/// </summary>
internal sealed class GatewayInstances(NpgsqlDataSource database, TimeProvider clock)
{
    /// <summary>The longest name of one.</summary>
    public const int MaxName = 64;

    /// <summary>A gateway ships many batches a second; this often its row is written.</summary>
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(500);

    /// <summary>Forgotten beyond it: instances are few, but a client of the route may name any.</summary>
    private const int MostKnown = 10_000;

    private readonly ConcurrentDictionary<string, long> _writtenAt = new();

    public async Task SeenAsync(string instance, DateTimeOffset? watermark, CancellationToken cancel)
    {
        var now = clock.GetTimestamp();
        if (_writtenAt.TryGetValue(instance, out var before) && clock.GetElapsedTime(before, now) < Interval)
            return;
        if (_writtenAt.Count > MostKnown)
            _writtenAt.Clear();
        _writtenAt[instance] = now;
        await using var connection = await database.OpenConnectionAsync(cancel);
        await connection.ExecuteAsync(new CommandDefinition("""
            insert into gateways (instance, watermark, seen_at) values (@instance, @watermark, @seenAt)
            on conflict (instance) do update set watermark = greatest(gateways.watermark, excluded.watermark), seen_at = excluded.seen_at
            """, new { instance, watermark, seenAt = clock.GetUtcNow() }, cancellationToken: cancel));
    }
}
