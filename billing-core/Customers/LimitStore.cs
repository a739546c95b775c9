using Dapper;
using Npgsql;
using Quota.Shared.ControlPlane;

namespace Quota.Billing.Customers;

/// <summary>Limits of live customers. A code is unique in its org.</summary>
internal sealed class LimitStore(NpgsqlDataSource database, TimeProvider clock)
{
    private const string Select = """
        select l.id, l.customer_id, c.external_id as external_customer_id, l.code, l.node_kind, l.node_id, t.external_id as external_team_id,
            u.external_id as external_user_id, l.meter, l.amount, l.currency, l.window_terms, l.mode, l.enabled, l.created_at, l.updated_at
        from limits l
        join customers c on c.id = l.customer_id and c.deleted_at is null
        left join teams t on l.node_kind = 'team' and t.id = l.node_id
        left join users u on l.node_kind = 'user' and u.id = l.node_id
        where (@org::text is null or c.external_id = @org) and (@code::text is null or l.code = @code)
        """;

    /// <summary>The limits with a code: at most one when the org is named. More than two are not looked for.</summary>
    public async Task<IReadOnlyList<Limit>> FindAsync(string? org, string code)
    {
        await using var connection = await database.OpenConnectionAsync();
        return (await connection.QueryAsync<Limit>($"{Select} limit 2", new { org, code })).AsList();
    }

    public async Task<(IReadOnlyList<Limit> Items, long Total)> ListAsync(string? org, int offset, int limit)
    {
        var arguments = new { org, code = (string?)null, offset, limit };
        await using var connection = await database.OpenConnectionAsync();
        var items = await connection.QueryAsync<Limit>($"{Select} order by c.external_id, l.code offset @offset limit @limit", arguments);
        return (items.AsList(), await connection.ExecuteScalarAsync<long>($"select count(*) from ({Select}) limits", arguments));
    }

    /// <summary>Makes the limit or replaces its terms.</summary>
    /// <returns>False, and nothing changed, when the code belongs to a limit of another node: a limit never moves.</returns>
    public async Task<bool> SaveAsync(string code, LimitNode node, LimitTerms terms, bool enabled)
    {
        var now = clock.GetUtcNow();
        await using var connection = await database.OpenConnectionAsync();
        return await connection.ExecuteAsync("""
            insert into limits (id, customer_id, code, node_kind, node_id, meter, amount, currency, window_terms, mode, enabled, created_at, updated_at)
            values (@id, @customerId, @code, @Kind, @nodeId, @Meter, @Amount, @Currency, @window::jsonb, @Mode, @enabled, @now, @now)
            on conflict (customer_id, code) do update set meter = excluded.meter, amount = excluded.amount, currency = excluded.currency,
                window_terms = excluded.window_terms, mode = excluded.mode, enabled = excluded.enabled, updated_at = excluded.updated_at
            where limits.node_id = excluded.node_id
            """, new
        {
            id = Guid.CreateVersion7(now),
            customerId = node.Customer.Id,
            code,
            node.Kind,
            nodeId = node.Id,
            terms.Meter,
            terms.Amount,
            terms.Currency,
            window = Limit.WriteWindow(terms.Window),
            terms.Mode,
            enabled,
            now,
        }) == 1;
    }

    public async Task DeleteAsync(Guid id)
    {
        await using var connection = await database.OpenConnectionAsync();
        await connection.ExecuteAsync("delete from limits where id = @id", new { id });
    }
}
