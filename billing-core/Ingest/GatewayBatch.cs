using System.Text;
using System.Text.Json;
using Quota.Billing.Http;

namespace Quota.Billing.Ingest;

/// <summary>What a gateway ships at once: its events in their order, and amounts for events that were shipped before.</summary>
/// <param name="Instance">The gateway's id, kept in its spool folder.</param>
/// <param name="Watermark">Nothing older is still on its way; null when the gateway does not say.</param>
/// <param name="Settled">At most one amount per id.</param>
/// <param name="UnusableSettled">How many amounts could not be read. They are annotations, so they do not stop a batch.</param>
internal sealed record GatewayBatch(
    string Instance, DateTimeOffset? Watermark, IReadOnlyList<GatewayEventOutcome> Events, IReadOnlyDictionary<Guid, decimal> Settled, int UnusableSettled)
{
    private const int MaxSettled = 2 * IngestOptions.MaxEvents;

    /// <summary>How a reader stands behind an element of <c>events</c>, whichever.</summary>
    private static readonly JsonReaderState BehindEvent = StateAfter("{\"events\":[{}"u8);

    /// <summary>
    /// Reads a batch in one pass, in which its plain events are read as they come. The others are only found, and each is read by itself, so that a
    /// bad one is an outcome of its own. Mistakes of the envelope go to the validation.
    /// </summary>
    /// <param name="body">The events point into it.</param>
    /// <param name="keepsRaw">See <see cref="IngestOptions.KeepUsageRaw"/>.</param>
    /// <exception cref="JsonException">No JSON.</exception>
    /// <exception cref="BadHttpRequestException">No JSON object.</exception>
    public static GatewayBatch? Read(ReadOnlyMemory<byte> body, Validation validation, bool keepsRaw = false)
    {
        using var properties = new GatewayProperties(keepsRaw);
        try
        {
            return Read(body, validation, properties, new PlainEvents(properties));
        }
        catch (JsonException)
        {
            return Read(body, validation, properties, plain: null);     // throws again, and tells the place from the body's beginning
        }
    }

    /// <summary>Reads all events as <see cref="UsageEvent"/>: what the reader of plain ones is held against.</summary>
    internal static GatewayBatch? ReadSlowly(ReadOnlyMemory<byte> body, Validation validation, bool keepsRaw = false)
    {
        using var properties = new GatewayProperties(keepsRaw);
        return Read(body, validation, properties, plain: null);
    }

    private static GatewayBatch? Read(ReadOnlyMemory<byte> body, Validation validation, GatewayProperties properties, PlainEvents? plain)
    {
        var json = new Utf8JsonReader(body.Span);
        if (!json.Read() || json.TokenType != JsonTokenType.StartObject)
            throw new BadHttpRequestException("the body must be a JSON object");
        var head = new StringBuilder("{");
        List<GatewayEventOutcome> events = [];
        List<ReadOnlyMemory<byte>> settled = [];
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            if (json.ValueTextEquals("events"u8))
                events = ReadEvents(ref json, ref body, properties, plain, validation);
            else if (json.ValueTextEquals("settled"u8))
                settled = ReadSettled(ref json, body, validation);
            else if (json.ValueTextEquals("instance"u8))
                Keep(ref json, body, "instance", head);
            else if (json.ValueTextEquals("watermark"u8))
                Keep(ref json, body, "watermark", head);
            else
                Value(ref json, body);
        }
        json.Read();    // what follows the object is a mistake
        var input = new Input(JsonElement.Parse(head.Append('}').ToString()), validation);
        var instance = GatewayInstances.NameIn(input);
        var watermark = input.Time("watermark");
        if (!validation.IsValid)
            return null;
        var (amounts, unusable) = Amounts(settled);
        return new GatewayBatch(instance, watermark, events, amounts, unusable);
    }

    private static (Dictionary<Guid, decimal> Amounts, int Unusable) Amounts(List<ReadOnlyMemory<byte>> settled)
    {
        var amounts = new Dictionary<Guid, decimal>(settled.Count);
        var unusable = 0;
        foreach (var item in settled)
        {
            using var document = JsonDocument.Parse(item);
            if (TryReadSettled(document.RootElement, out var id, out var spend))
                amounts.TryAdd(id, spend);
            else
                unusable++;
        }
        return (amounts, unusable);
    }

    private static bool TryReadSettled(JsonElement item, out Guid id, out decimal spend)
    {
        (id, spend) = (default, 0);
        return item.ValueKind == JsonValueKind.Object
            && item.TryGetProperty("id", out var idElement) && JsonText.TryRead(idElement, out var idText) && Guid.TryParse(idText, out id)
            && item.TryGetProperty("spend", out var spendElement) && JsonText.TryRead(spendElement, out var text)
            && DecimalText.TryParse(text, out spend) && spend >= 0;
    }

    /// <param name="body">What <paramref name="json"/> reads; behind plain events both go on with the rest.</param>
    private static List<GatewayEventOutcome> ReadEvents(
        ref Utf8JsonReader json, ref ReadOnlyMemory<byte> body, GatewayProperties properties, PlainEvents? plain, Validation validation)
    {
        var events = new List<GatewayEventOutcome>();
        if (!IsArray(ref json, "events", validation))
            return events;
        while (true)
        {
            var at = (int)json.BytesConsumed;
            if (plain?.Read(body[at..], isFirst: events.Count == 0, events) is { } passed and > 0)
            {
                body = body[(at + passed)..];
                json = new Utf8JsonReader(body.Span, isFinalBlock: true, BehindEvent);
            }
            if (!json.Read() || json.TokenType == JsonTokenType.EndArray)
                break;
            events.Add(GatewayEvent.Read(This(ref json, body), properties));
        }
        CheckCount(events.Count, IngestOptions.MaxEvents, "events", validation);
        return events;
    }

    private static List<ReadOnlyMemory<byte>> ReadSettled(ref Utf8JsonReader json, ReadOnlyMemory<byte> body, Validation validation)
    {
        var items = new List<ReadOnlyMemory<byte>>();
        if (!IsArray(ref json, "settled", validation))
            return items;
        while (json.Read() && json.TokenType != JsonTokenType.EndArray)
            items.Add(This(ref json, body));
        CheckCount(items.Count, MaxSettled, "settled", validation);
        return items;
    }

    private static bool IsArray(ref Utf8JsonReader json, string field, Validation validation)
    {
        json.Read();
        if (json.TokenType == JsonTokenType.StartArray)
            return true;
        if (json.TokenType != JsonTokenType.Null)
            validation.Add(field, Mistake.Invalid);
        json.Skip();
        return false;
    }

    private static void CheckCount(int count, int most, string field, Validation validation)
    {
        if (count > most)
            validation.Add(field, $"too_many_{field}");
    }

    private static JsonReaderState StateAfter(ReadOnlySpan<byte> start)
    {
        var json = new Utf8JsonReader(start, isFinalBlock: false, default);
        while (json.Read())
        {
        }
        return json.CurrentState;
    }

    private static void Keep(ref Utf8JsonReader json, ReadOnlyMemory<byte> body, string field, StringBuilder head) =>
        head.Append(head.Length > 1 ? "," : "").Append('"').Append(field).Append("\":").Append(Encoding.UTF8.GetString(Value(ref json, body).Span));

    private static ReadOnlyMemory<byte> Value(ref Utf8JsonReader json, ReadOnlyMemory<byte> body)
    {
        json.Read();
        return This(ref json, body);
    }

    /// <summary>The bytes of the value that begins here.</summary>
    private static ReadOnlyMemory<byte> This(ref Utf8JsonReader json, ReadOnlyMemory<byte> body)
    {
        var start = (int)json.TokenStartIndex;
        json.Skip();
        return body[start..(int)json.BytesConsumed];
    }
}
