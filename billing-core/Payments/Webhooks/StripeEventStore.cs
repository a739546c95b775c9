using System.Text.Json;
using Dapper;
using Npgsql;
using Quota.Billing.Outbox;

namespace Quota.Billing.Payments.Webhooks;

/// <summary>Keeps every webhook once, as it came, before it is acted on.</summary>
internal sealed class StripeEventStore(NpgsqlDataSource database, OutboxStore outbox, TimeProvider clock)
{
    /// <summary>The outbox kind of "look at what this event is about"; the reference is the event's id.</summary>
    public const string Kind = "stripe_event";

    /// <summary>False when it was stored before: nothing more is owed for it.</summary>
    public async Task<bool> AddAsync(StripeEvent news, string body)
    {
        await using var connection = await database.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        var added = await connection.ExecuteAsync("""
            insert into stripe_events (id, type, object_id, body, received_at) values (@Id, @Type, @ObjectId, @body, @now)
            on conflict (id) do nothing
            """, new { news.Id, news.Type, news.ObjectId, body, now = clock.GetUtcNow() }, transaction);
        if (added == 1 && news.PaymentIntent is { } intent)
            await outbox.AddAsync(transaction, Kind, news.Id, JsonSerializer.Serialize(new { payment_intent = intent }));
        await transaction.CommitAsync();
        return added == 1;
    }
}

/// <summary>What we read of an event's body; the rest is kept and not trusted.</summary>
internal sealed record StripeEvent(string Id, string Type, string? ObjectId)
{
    /// <summary>The PaymentIntent it is about; null for events of other kinds, which are only kept.</summary>
    public string? PaymentIntent => Type.StartsWith(StripeTerms.PaymentIntentEvents, StringComparison.Ordinal) ? ObjectId : null;

    /// <summary>Null when the body is no event.</summary>
    public static StripeEvent? Read(string body)
    {
        try
        {
            using var document = JsonDocument.Parse(body);
            var root = document.RootElement;
            return Text(root, "id") is { } id && Text(root, "type") is { } type
                ? new StripeEvent(id, type, root.TryGetProperty("data", out var data) && data.ValueKind == JsonValueKind.Object
                    && data.TryGetProperty("object", out var subject) ? Text(subject, "id") : null)
                : null;
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            return null;
        }
    }

    private static string? Text(JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String
            && value.GetString() is { Length: > 0 and <= 255 } text ? text : null;
}
