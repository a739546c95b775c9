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
    private const int MaxInstance = 64;
    private const int MaxSettled = 2 * IngestOptions.MaxEvents;

    /// <summary>Reads a batch. Mistakes of the envelope go to the input's validation; a bad event is an outcome of its own.</summary>
    public static GatewayBatch? Read(Input input)
    {
        var instance = input.RequiredText("instance", MaxInstance);
        var watermark = input.Time("watermark");
        var events = Items(input, "events", IngestOptions.MaxEvents, "too_many_events");
        var settled = Items(input, "settled", MaxSettled, "too_many_settled");
        if (!input.Validation.IsValid)
            return null;
        var amounts = new Dictionary<Guid, decimal>();
        var unusable = 0;
        foreach (var item in settled)
        {
            if (TryReadSettled(item, out var id, out var spend))
                amounts.TryAdd(id, spend);
            else
                unusable++;
        }
        return new GatewayBatch(instance, watermark, [.. events.Select(GatewayEvent.Read)], amounts, unusable);
    }

    private static bool TryReadSettled(JsonElement item, out Guid id, out decimal spend)
    {
        (id, spend) = (default, 0);
        return item.ValueKind == JsonValueKind.Object
            && item.TryGetProperty("id", out var idElement) && JsonText.TryRead(idElement, out var idText) && Guid.TryParse(idText, out id)
            && item.TryGetProperty("spend", out var spendElement) && JsonText.TryRead(spendElement, out var text)
            && DecimalText.TryParse(text, out spend) && spend >= 0;
    }

    private static JsonElement.ArrayEnumerator Items(Input input, string field, int most, string tooMany)
    {
        if (!input.Raw.TryGetProperty(field, out var list) || list.ValueKind == JsonValueKind.Null)
            return default;
        if (list.ValueKind != JsonValueKind.Array)
            input.Refuse(field, Mistake.Invalid);
        else if (list.GetArrayLength() > most)
            input.Refuse(field, tooMany);
        else
            return list.EnumerateArray();
        return default;
    }
}
