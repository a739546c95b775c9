using Dapper;
using Npgsql;
using NpgsqlTypes;
using Quota.Shared.ControlPlane;

namespace Quota.Billing.Facts;

/// <summary>A fact as the API shows it. <paramref name="Used"/> is in the counter's units: nano-units of money, or whole things.</summary>
internal sealed record FactAnswer(
    string Id, string Kind, DateTimeOffset At, string ExternalCustomerId, string? Limit, string? Node, decimal? Share, string? Counter,
    DateTimeOffset? WindowStart, long? Used, Guid? RequestId, string Instance, DateTimeOffset ReceivedAt);

/// <summary>Facts of limits, each once however often it is told.</summary>
internal sealed class FactStore(NpgsqlDataSource database, TimeProvider clock)
{
    private const string Listed = """
        from limit_facts
        where (@org::text is null or org = @org) and (@limit::text is null or limit_code = @limit) and (@kind::text is null or kind = @kind)
        """;

    /// <summary>All of the report or, when it throws, nothing.</summary>
    public async Task AddAsync(FactReport report, CancellationToken cancel)
    {
        if (report.Facts.Count == 0)
            return;
        var facts = report.Facts.OrderBy(fact => fact.Id, StringComparer.Ordinal).ToList();
        await using var connection = await database.OpenConnectionAsync(cancel);
        await using var command = new NpgsqlCommand("""
            insert into limit_facts (id, kind, at, org, org_id, node_id, limit_code, share, counter, window_start, used, request_id, instance, received_at)
            select f.*, $13, $14
            from unnest($1::uuid[], $2, $3, $4, $5::uuid[], $6::uuid[], $7, $8, $9, $10, $11, $12)
                as f (id, kind, at, org, org_id, node_id, limit_code, share, counter, window_start, used, request_id)
            order by f.id
            on conflict (id) do nothing
            """, connection);
        Add(NpgsqlDbType.Text, facts.ConvertAll(fact => fact.Id));
        Add(NpgsqlDbType.Text, facts.ConvertAll(fact => fact.Kind));
        Add(NpgsqlDbType.TimestampTz, facts.ConvertAll(fact => fact.At));
        Add(NpgsqlDbType.Text, facts.ConvertAll(fact => fact.Org));
        Add(NpgsqlDbType.Text, facts.ConvertAll(fact => fact.OrgId));
        Add(NpgsqlDbType.Text, facts.ConvertAll(fact => fact.NodeId));
        Add(NpgsqlDbType.Text, facts.ConvertAll(fact => fact.Limit));
        Add(NpgsqlDbType.Numeric, facts.ConvertAll(fact => fact.Share));
        Add(NpgsqlDbType.Text, facts.ConvertAll(fact => fact.Counter));
        Add(NpgsqlDbType.TimestampTz, facts.ConvertAll(fact => fact.WindowStart));
        Add(NpgsqlDbType.Bigint, facts.ConvertAll(fact => fact.Used));
        Add(NpgsqlDbType.Uuid, facts.ConvertAll(fact => fact.RequestId));
        command.Parameters.Add(new() { Value = report.Instance });
        command.Parameters.Add(new() { Value = clock.GetUtcNow(), NpgsqlDbType = NpgsqlDbType.TimestampTz });
        await command.ExecuteNonQueryAsync(cancel);

        void Add(NpgsqlDbType type, object values) => command.Parameters.Add(new() { Value = values, NpgsqlDbType = NpgsqlDbType.Array | type });
    }

    /// <summary>Newest first; a null filter lets all pass.</summary>
    public async Task<(IReadOnlyList<FactAnswer> Items, long Total)> ListAsync(string? org, string? limit, string? kind, int offset, int count)
    {
        var arguments = new { org, limit, kind, offset, count };
        await using var connection = await database.OpenConnectionAsync();
        var items = await connection.QueryAsync<FactAnswer>($"""
            select replace(id::text, '-', '') as id, kind, at, org as external_customer_id, limit_code as "limit",
                replace(node_id::text, '-', '') as node, share, counter, window_start, used, request_id, instance, received_at
            {Listed} order by at desc, id desc offset @offset limit @count
            """, arguments);
        return (items.AsList(), await connection.ExecuteScalarAsync<long>($"select count(*) {Listed}", arguments));
    }
}
