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

/// <summary>Reads single events of both sources back.</summary>
internal sealed class EventReader(NpgsqlDataSource database)
{
    /// <summary>What an answer needs of an event <c>e</c> and its stream <c>s</c>; the subscription is the one of that name now.</summary>
    public const string Columns = """
        e.id as lago_id, coalesce(e.transaction_id, e.id::text) as transaction_id, coalesce(s.customer_id, b.customer_id) as lago_customer_id, s.code, e.at as timestamp,
            e.precise_total_amount_cents, e.properties, b.id as lago_subscription_id, s.external_subscription_id, e.received_at as created_at
        """;

    public const string Joins = """
        join event_streams s on s.id = e.stream_id
        left join subscriptions b on b.external_id = s.external_subscription_id and b.status in ('pending', 'active')
        """;

    /// <summary>The newest event with this transaction id; null when there is none. Two subscriptions may use one id.</summary>
    public async Task<EventAnswer?> FindAsync(string transactionId)
    {
        await using var connection = await database.OpenConnectionAsync();
        var (first, last) = ApiEvent.KeysOf(transactionId);
        return await connection.QueryFirstOrDefaultAsync<EventAnswer>($"""
            select {Columns} from (
                select stream_id, at from gateway_event_ids where id = @id
                union all
                select stream_id, at from api_event_ids where key between @first and @last) i
            join usage_events e on e.stream_id = i.stream_id and e.at = i.at and case when e.transaction_id is null then e.id = @id else e.transaction_id = @transactionId end
            {Joins}
            order by e.at desc limit 1
            """, new { transactionId, first, last, id = Guid.TryParse(transactionId, out var id) ? id : (Guid?)null });
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
}
