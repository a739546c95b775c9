using Dapper;
using Npgsql;

namespace Quota.Billing.Outbox;

/// <summary>The table of owed effects. A claim is a lease: whoever dies with it is succeeded when it runs out.</summary>
internal sealed class OutboxStore(NpgsqlDataSource database, TimeProvider clock)
{
    /// <summary>Owes an effect from the commit of <paramref name="transaction"/> on. The same kind and reference again adds nothing.</summary>
    public async Task AddAsync(NpgsqlTransaction transaction, string kind, string reference, string payload = "{}")
    {
        var now = clock.GetUtcNow();
        await transaction.Connection!.ExecuteAsync("""
            insert into outbox (id, kind, reference, payload, due_at, created_at)
            values (@Id, @kind, @reference, @payload::jsonb, @now, @now)
            on conflict (kind, reference) do nothing
            """, new { Id = Guid.CreateVersion7(now), kind, reference, payload, now }, transaction);
    }

    /// <summary>
    /// Takes up to <paramref name="count"/> due messages for <paramref name="lease"/>. Kinds that nobody here handles are left alone,
    /// so what an unconfigured room owes waits until it is configured.
    /// </summary>
    public async Task<IReadOnlyList<OutboxMessage>> ClaimAsync(
        IReadOnlyCollection<string> kinds, int count, TimeSpan lease, CancellationToken cancel)
    {
        var now = clock.GetUtcNow();
        await using var connection = await database.OpenConnectionAsync(cancel);
        var rows = await connection.QueryAsync<OutboxMessage>(new CommandDefinition("""
            update outbox set leased_until = @until, attempts = attempts + 1
            where id in (
                select id from outbox
                where done_at is null and due_at <= @now and (leased_until is null or leased_until <= @now) and kind = any(@kinds)
                order by due_at
                limit @count
                for update skip locked)
            returning id, kind, reference, payload, attempts
            """, new { until = now + lease, now, kinds = kinds.ToArray(), count }, cancellationToken: cancel));
        return [.. rows];
    }

    /// <summary>Whether due messages are in somebody's hands now.</summary>
    public async Task<bool> AnyLeasedAsync(IReadOnlyCollection<string> kinds, CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        return await connection.QuerySingleAsync<bool>(new CommandDefinition("""
            select exists (select 1 from outbox where done_at is null and due_at <= @now and leased_until > @now and kind = any(@kinds))
            """, new { now = clock.GetUtcNow(), kinds = kinds.ToArray() }, cancellationToken: cancel));
    }

    /// <summary>Nothing more is owed. Without effect when the lease was lost and another claim is newer.</summary>
    public async Task FinishAsync(OutboxMessage message)
    {
        await using var connection = await database.OpenConnectionAsync();
        await connection.ExecuteAsync("""
            update outbox set done_at = @now, leased_until = null, last_error = null
            where id = @Id and attempts = @Attempts and done_at is null
            """, new { now = clock.GetUtcNow(), message.Id, message.Attempts });
    }

    /// <summary>Owed still, and due again after <paramref name="delay"/>. Without effect when another claim is newer.</summary>
    public async Task PostponeAsync(OutboxMessage message, TimeSpan delay, string reason)
    {
        await using var connection = await database.OpenConnectionAsync();
        await connection.ExecuteAsync("""
            update outbox set due_at = @due, leased_until = null, last_error = @reason
            where id = @Id and attempts = @Attempts and done_at is null
            """, new { due = clock.GetUtcNow() + delay, reason, message.Id, message.Attempts });
    }
}
