using System.Text.Json;
using Dapper;
using Npgsql;

namespace Quota.Billing.Ingest;

/// <summary>An event of either source as the API shows it. A gateway's event has its id as transaction id.</summary>
internal sealed record EventAnswer
{
    public Guid LagoId { get; init; }

    public string TransactionId { get; init; } = "";

    public Guid? LagoCustomerId { get; init; }

    public string Code { get; init; } = "";

    public DateTimeOffset Timestamp { get; init; }

    public decimal? PreciseTotalAmountCents { get; init; }

    public JsonElement Properties { get; init; }

    public Guid? LagoSubscriptionId { get; init; }

    public string? ExternalSubscriptionId { get; init; }

    public DateTimeOffset CreatedAt { get; init; }
}

/// <summary>Which events a list asks for; half-open in time.</summary>
internal sealed record EventFilter(string? Subscription, string? Code, DateTimeOffset? From, DateTimeOffset? To);

/// <summary>Reads events of both sources back, newest first.</summary>
internal sealed class EventReader(NpgsqlDataSource database)
{
    private const string ListFilter = """
        (@Subscription::text is null or external_subscription_id = @Subscription) and (@Code::text is null or code = @Code)
        and (@From::timestamptz is null or at >= @From) and (@To::timestamptz is null or at < @To)
        """;

    public async Task<(IReadOnlyList<EventAnswer> Items, long Total)> ListAsync(EventFilter filter, int offset, int limit)
    {
        await using var connection = await database.OpenConnectionAsync();
        var arguments = new { filter.Subscription, filter.Code, filter.From, filter.To, offset, limit };
        var items = await connection.QueryAsync<EventAnswer>(
            $"{Select(ListFilter, ListFilter)} order by timestamp desc, lago_id desc offset @offset limit @limit", arguments);
        return (items.AsList(), await connection.ExecuteScalarAsync<long>($"select count(*) from events where {ListFilter}", arguments));
    }

    /// <summary>The newest event with this transaction id; null when there is none. Two subscriptions may use one id.</summary>
    public async Task<EventAnswer?> FindAsync(string transactionId)
    {
        await using var connection = await database.OpenConnectionAsync();
        return await connection.QueryFirstOrDefaultAsync<EventAnswer>(
            $"{Select("id = @id::uuid", "transaction_id = @transactionId")} order by timestamp desc limit 1",
            new { transactionId, id = Guid.TryParse(transactionId, out var id) ? id : (Guid?)null });
    }

    /// <summary>What was just stored, as it will be read back, without reading it: only whose subscriptions they are is looked up.</summary>
    public async Task<IReadOnlyList<EventAnswer>> DescribeAsync(IReadOnlyList<ApiEvent> events)
    {
        await using var connection = await database.OpenConnectionAsync();
        var subscriptions = (await connection.QueryAsync<(string ExternalId, Guid Id, Guid CustomerId)>("""
            select external_id, id, customer_id from subscriptions where external_id = any(@ids) and status in ('pending', 'active')
            """, new { ids = events.Select(one => one.ExternalSubscriptionId).Distinct().ToArray() })).ToDictionary(row => row.ExternalId);
        return [.. events.Select(one => new EventAnswer
        {
            LagoId = one.Id,
            TransactionId = one.TransactionId,
            LagoCustomerId = subscriptions.TryGetValue(one.ExternalSubscriptionId, out var found) ? found.CustomerId : null,
            Code = one.Code,
            Timestamp = one.At,
            PreciseTotalAmountCents = one.PreciseTotalAmountCents,
            Properties = JsonElement.Parse(one.Properties),
            LagoSubscriptionId = found.Id == default ? null : found.Id,
            ExternalSubscriptionId = one.ExternalSubscriptionId,
            CreatedAt = one.ReceivedAt,
        })];
    }

    // Each source is filtered by itself, so that each uses its own index.
    private static string Select(string gatewayFilter, string apiFilter) => $"""
        select e.id as lago_id, e.transaction_id, coalesce(e.customer_id, s.customer_id) as lago_customer_id, e.code, e.at as timestamp,
            e.amount as precise_total_amount_cents, e.properties, s.id as lago_subscription_id, e.external_subscription_id, e.received_at as created_at
        from (
            select id, id::text as transaction_id, customer_id, code, at, null::numeric as amount, properties, external_subscription_id, received_at
            from gateway_events where {gatewayFilter}
            union all
            select id, transaction_id, null::uuid, code, at, precise_total_amount_cents, properties, external_subscription_id, received_at
            from api_events where {apiFilter}) e
        left join subscriptions s on s.external_id = e.external_subscription_id and s.status in ('pending', 'active')
        """;
}
