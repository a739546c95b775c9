using System.Text.Json;
using Dapper;
using Npgsql;
using Quota.Billing.Http;
using Quota.Shared.ControlPlane;

namespace Quota.Billing.Customers;

/// <summary>Limits of live customers. A code is unique in its org.</summary>
internal sealed class LimitStore(NpgsqlDataSource database, TimeProvider clock)
{
    /// <summary>Reads a <see cref="Limit"/>; a condition may follow that names <c>l</c>, <c>c</c>, <c>t</c>, <c>u</c> and <c>k</c>.</summary>
    public const string Select = """
        select l.id, l.customer_id, c.external_id as external_customer_id, c.timezone as customer_timezone, l.code, l.node_kind, l.node_id,
            t.external_id as external_team_id, u.external_id as external_user_id, ut.external_id as users_team, k.prefix as key_prefix,
            l.each, l.overrides, l.meter, l.amount, l.currency, l.window_terms, l.mode, l.selector, l.thresholds, l.hold, l.clamp, l.enabled,
            l.counted_since, l.created_at, l.updated_at,
            case when coalesce(d.each, l.each) is not null and coalesce(d.node_kind, l.node_kind) <> 'org' then coalesce(d.node_id, l.node_id) end as below
        from limits l
        left join limits d on d.customer_id = l.customer_id and d.code = l.overrides
        join customers c on c.id = l.customer_id and c.deleted_at is null
        left join teams t on l.node_kind = 'team' and t.id = l.node_id
        left join users u on l.node_kind = 'user' and u.id = l.node_id
        left join teams ut on ut.id = u.team_id and ut.deleted_at is null
        left join api_keys k on l.node_kind = 'key' and k.id = l.node_id
        """;

    private const string Listed = $"{Select} where (@org::text is null or c.external_id = @org) and (@code::text is null or l.code = @code)";

    /// <summary>The limits with a code: at most one when the org is named. More than two are not looked for.</summary>
    public async Task<IReadOnlyList<Limit>> FindAsync(string? org, string code)
    {
        await using var connection = await database.OpenConnectionAsync();
        return (await connection.QueryAsync<Limit>($"{Listed} limit 2", new { org, code })).AsList();
    }

    public async Task<(IReadOnlyList<Limit> Items, long Total)> ListAsync(string? org, int offset, int limit)
    {
        var arguments = new { org, code = (string?)null, offset, limit };
        await using var connection = await database.OpenConnectionAsync();
        var items = await connection.QueryAsync<Limit>($"{Listed} order by c.external_id, l.code offset @offset limit @limit", arguments);
        return (items.AsList(), await connection.ExecuteScalarAsync<long>($"select count(*) from ({Listed}) limits", arguments));
    }

    /// <summary>
    /// Makes the limit or replaces its terms, when neither the input nor <see cref="LimitRules"/> find a mistake: those are noted in the
    /// input, and then nothing is changed. Changes of one org's limits wait for each other.
    /// </summary>
    public async Task SaveAsync(LimitChange change, Input input)
    {
        await using var connection = await database.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        await connection.ExecuteAsync("select from customers where id = @Id for no key update", new { change.Node.Customer.Id });
        var others = (await connection.QueryAsync<Limit>(
            $"{Select} where l.customer_id = @Id and (l.code = any(@codes) or l.overrides = any(@codes))",
            new { change.Node.Customer.Id, codes = new[] { change.Code, change.Overrides ?? change.Code } })).AsList();
        LimitRules.Check(change, others, input);
        if (!input.Validation.IsValid)
            return;
        await WriteAsync(connection, change, CountedSince.Of(change, others, clock.GetUtcNow()));
        await transaction.CommitAsync();
    }

    /// <returns>The codes of the limits that override it; while there are any it is not deleted.</returns>
    public async Task<IReadOnlyList<string>> DeleteAsync(Limit limit)
    {
        await using var connection = await database.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        await connection.ExecuteAsync("select from customers where id = @CustomerId for no key update", new { limit.CustomerId });
        var overriding = (await connection.QueryAsync<string>(
            "select code from limits where customer_id = @CustomerId and overrides = @Code order by code", new { limit.CustomerId, limit.Code })).AsList();
        if (overriding.Count == 0)
            await connection.ExecuteAsync("delete from limits where id = @Id", new { limit.Id });
        await transaction.CommitAsync();
        return overriding;
    }

    private async Task WriteAsync(NpgsqlConnection connection, LimitChange change, DateTimeOffset? since)
    {
        var (node, terms, now) = (change.Node, change.Terms, clock.GetUtcNow());
        await connection.ExecuteAsync("""
            insert into limits (id, customer_id, code, node_kind, node_id, each, overrides, meter, amount, currency, window_terms, mode, selector,
                thresholds, hold, clamp, enabled, counted_since, created_at, updated_at)
            values (@id, @customerId, @Code, @Kind, @nodeId, @Each, @Overrides, @Meter, @Amount, @Currency, @window::jsonb, @Mode, @selector::jsonb,
                @thresholds, @Hold, @Clamp, @Enabled, @since, @now, @now)
            on conflict (customer_id, code) do update set each = excluded.each, overrides = excluded.overrides, meter = excluded.meter,
                amount = excluded.amount, currency = excluded.currency, window_terms = excluded.window_terms, mode = excluded.mode,
                selector = excluded.selector, thresholds = excluded.thresholds, hold = excluded.hold, clamp = excluded.clamp,
                enabled = excluded.enabled, counted_since = excluded.counted_since, updated_at = excluded.updated_at
            """, new
        {
            id = Guid.CreateVersion7(now),
            customerId = node.Customer.Id,
            change.Code,
            node.Kind,
            nodeId = node.Id,
            node.Each,
            change.Overrides,
            terms.Meter,
            terms.Amount,
            terms.Currency,
            window = JsonSerializer.Serialize(terms.Window, SnapshotJson.Default.LimitWindow),
            terms.Mode,
            selector = terms.Selector is { } selector ? JsonSerializer.Serialize(selector, SnapshotJson.Default.LimitSelector) : null,
            thresholds = terms.Thresholds.ToArray(),
            terms.Hold,
            terms.Clamp,
            change.Enabled,
            since,
            now,
        });
    }
}
