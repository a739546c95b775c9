using System.Security.Cryptography;
using Dapper;
using Npgsql;
using Quota.Shared.ControlPlane;

namespace Quota.Billing.Epochs;

/// <summary>Owns the SQL of <c>epochs</c>: one row an org, at most one gathering at a time.</summary>
internal sealed class EpochStore(NpgsqlDataSource database, TimeProvider clock)
{
    private const int EpochBytes = 8;

    /// <summary>How it stands, and what becomes of it by this question.</summary>
    /// <returns>Null: there is no such org.</returns>
    public async Task<EpochOrder?> AskAsync(Guid org, bool lost, long? again, CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        var arguments = new { org, epoch = NewEpoch(), now = clock.GetUtcNow(), again };
        var isFresh = await connection.ExecuteAsync("""
            insert into epochs (customer_id, generation, epoch, state, since) select id, 1, @epoch, 'open', @now from customers where id = @org on conflict do nothing
            """, arguments) == 1;
        if (await connection.QuerySingleOrDefaultAsync<(long Generation, string Epoch, string State, string[] Participants)?>("select generation, epoch, state, participants from epochs where customer_id = @org for update", arguments) is not { } row)
            return null;
        if (!isFresh && (row.State == EpochOrder.Open ? lost : again == row.Generation))
        {
            row = await connection.QuerySingleAsync<(long, string, string, string[])>("""
                update epochs set generation = generation + 1, epoch = @epoch, state = 'gathering', since = @now,
                    participants = coalesce((select array_agg(instance order by instance) from gateways where lost_at is null), '{}')
                where customer_id = @org returning generation, epoch, state, participants
                """, arguments);
        }
        await transaction.CommitAsync(cancel);
        return new EpochOrder(org.ToString("N"), row.Generation, row.Epoch, isFresh ? EpochOrder.Fresh : row.State, row.Participants);
    }

    /// <summary>All participants have put what they know. Said late, of a gathering that was begun anew since, it changes nothing.</summary>
    public async Task OpenedAsync(Guid org, long generation, CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        await connection.ExecuteAsync(new CommandDefinition(
            "update epochs set state = 'open', participants = '{}' where customer_id = @org and generation = @generation and state = 'gathering'", new { org, generation }, cancellationToken: cancel));
    }

    private static string NewEpoch() => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(EpochBytes));
}
