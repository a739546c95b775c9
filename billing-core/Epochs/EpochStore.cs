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
    public async Task<EpochOrder?> AskAsync(string instance, Guid org, bool lost, long? again, CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        await LockAsync(connection, isDeclaration: false);
        var arguments = new { instance, org, epoch = NewEpoch(), now = clock.GetUtcNow(), again };
        if (await connection.ExecuteScalarAsync<bool>("select exists (select from gateways where instance = @instance and lost_at is not null)", arguments))
            return new EpochOrder(org.ToString("N"), 0, "", EpochOrder.Excluded, []);
        var isFresh = await connection.ExecuteAsync("""
            insert into epochs (customer_id, generation, epoch, state, since) select id, 1, @epoch, 'open', @now from customers where id = @org on conflict do nothing
            """, arguments) == 1;
        if (await connection.QuerySingleOrDefaultAsync<Row>($"select {Columns} from epochs where customer_id = @org for update", arguments) is not { } row)
            return null;
        if (!isFresh && (row.State == EpochOrder.Open ? lost : again == row.Generation || row.Participants.Length == 0))
        {
            row = await connection.QuerySingleAsync<Row>(Order("customer_id = @org"), arguments);
        }
        await transaction.CommitAsync(cancel);
        return new EpochOrder(org.ToString("N"), row.Generation, row.Epoch, isFresh ? EpochOrder.Fresh : row.State, row.Participants) { Lost = row.Lost };
    }

    /// <summary>A gateway was declared lost: gatherings that wait for it begin anew. In the caller's transaction, under the lock.</summary>
    public Task GatherWithoutAsync(NpgsqlConnection connection, string instance) =>
        connection.ExecuteAsync(Order("state = 'gathering' and @instance = any(participants)"), new { instance, now = clock.GetUtcNow() });

    /// <summary>Until the transaction ends: who takes part is decided before or after a gateway is declared lost, never meanwhile.</summary>
    public static Task LockAsync(NpgsqlConnection connection, bool isDeclaration) =>
        connection.ExecuteAsync($"select pg_advisory_xact_lock{(isDeclaration ? "" : "_shared")}(hashtextextended('gateways lost', 0))");

    /// <summary>All participants have put what they know. Said late, of a gathering that was begun anew since, it changes nothing.</summary>
    public async Task OpenedAsync(Guid org, long generation, CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        await connection.ExecuteAsync(new CommandDefinition(
            "update epochs set state = 'open', participants = '{}' where customer_id = @org and generation = @generation and state = 'gathering'", new { org, generation }, cancellationToken: cancel));
    }

    private const string Columns = "generation, epoch, state, participants, lost";

    /// <summary>
    /// A gathering by all that may have counted but are not lost. What those had used comes from their events from now on: sums of them are old, which a
    /// version of its own row says (see <see cref="Customers.SeedCache"/>), so that no batch of events is waited for.
    /// </summary>
    private static string Order(string where) => $$"""
        with ordered as (
            update epochs set generation = generation + 1, epoch = substr(replace(gen_random_uuid()::text, '-', ''), 17), state = 'gathering', since = @now,
                participants = coalesce((select array_agg(instance order by instance) from gateways where lost_at is null and polled_at is not null), '{}'),
                lost = coalesce((select array_agg(instance order by instance) from gateways where lost_at is not null and polled_at is not null), '{}')
            where {{where}} returning customer_id, {{Columns}}),
        raised as (
            insert into usage_versions (customer_id, shard, events, corrections) select customer_id, -1, 1, 0 from ordered where cardinality(lost) > 0
            on conflict (customer_id, shard) do update set events = usage_versions.events + 1)
        select {{Columns}} from ordered
        """;

    private sealed record Row
    {
        public long Generation { get; init; }
        public string Epoch { get; init; } = "";
        public string State { get; init; } = "";
        public string[] Participants { get; init; } = [];
        public string[] Lost { get; init; } = [];
    }

    private static string NewEpoch() => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(EpochBytes));
}
