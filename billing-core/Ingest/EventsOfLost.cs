using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Npgsql;
using NpgsqlTypes;
using Quota.Shared.Usage;

namespace Quota.Billing.Ingest;

/// <summary>
/// A call of a gateway that was declared lost may have two events: one made from its hold, and its own, should the disk come back. Whichever comes
/// first stays; the other adds what it says more, so that both orders make the same sums: the own event's. Owns <c>events_of_lost</c>.
/// </summary>
internal static class EventsOfLost
{
    /// <summary>Kept as they came, with the events that are new.</summary>
    public static IEnumerable<NpgsqlBatchCommand> Keep(IReadOnlyList<GatewayEvent> accepted)
    {
        var lost = accepted.Where(one => one.IsOfLost).OrderBy(one => one.Id).ToList();
        if (lost.Count == 0)
            yield break;
        var command = new NpgsqlBatchCommand("insert into events_of_lost (id, body) select l.id, l.body from unnest($1, $2) as l (id, body) on conflict do nothing");
        command.Parameters.Add(SqlColumns.Column(NpgsqlDbType.Uuid, lost.ConvertAll(one => one.Id)));
        command.Parameters.Add(SqlColumns.Column(NpgsqlDbType.Text, lost.ConvertAll(one => Encoding.UTF8.GetString(one.Body.Span))));
        yield return command;
    }

    /// <summary>
    /// Finds those of a batch's conflicts that are none: an event made for a lost gateway whose call has one already, and such a gateway's own event of
    /// a call for which one was made. They become duplicates.
    /// </summary>
    /// <param name="accepted">Those of the batch that are new.</param>
    /// <returns>What the own events say more than those that are stored: corrections, to be stored in their turn. They are the same each time.</returns>
    public static async Task<IReadOnlyList<GatewayEventOutcome>> ResolveAsync(
        NpgsqlConnection connection, GatewayBatch batch, IReadOnlyList<GatewayEvent> accepted, List<ShipResult> results, CancellationToken cancel)
    {
        var conflicts = results.Index().Where(it => it.Item.Status == ShipStatus.Conflict).Select(it => it.Index).ToList();
        if (conflicts.Count == 0)
            return [];
        var stored = await BodiesAsync(connection, conflicts.ConvertAll(i => results[i].Id), cancel);
        foreach (var one in accepted.Where(one => one.IsOfLost))
            stored[one.Id] = Parse(one.Body.Span);
        List<GatewayEventOutcome> corrections = [];
        using var properties = new GatewayProperties(keepsRaw: false);
        foreach (var i in conflicts)
        {
            var own = batch.Events[i].Event!;
            if (!own.IsOfLost && !stored.ContainsKey(own.Id))
                continue;
            results[i] = new ShipResult(own.Id, ShipStatus.Duplicate, null);
            if (!own.IsOfLost && Correction(Parse(own.Body.Span), stored[own.Id]) is { } correction)
                corrections.Add(GatewayEvent.Read(JsonSerializer.SerializeToUtf8Bytes(correction, UsageJson.Default.UsageEvent), properties));
        }
        return corrections;
    }

    /// <summary>Null when both say the same. On no counter: the lost gateway's hold was settled by what the first of them says.</summary>
    public static UsageEvent? Correction(UsageEvent own, UsageEvent stored)
    {
        var (usage, cost) = (own.Usage.Minus(stored.Usage), Amount(own.Cost) - Amount(stored.Cost));
        var spend = Amount(own.Spend ?? own.Cost) - Amount(stored.Spend ?? stored.Cost);
        if (cost == 0 && spend == 0 && Text(usage) == Text(own.Usage.Minus(own.Usage)))
            return null;
        return own with
        {
            Id = IdOf(own.Id), Corrects = own.Id, Usage = usage, Cost = Text(cost), Spend = spend == cost ? null : Text(spend), Held = null, UsageRaw = null, Counted = [],
        };
    }

    /// <summary>A UUIDv7 of the same instant as the event's, the rest of it by hash: whoever makes the correction again makes the same.</summary>
    private static Guid IdOf(Guid own)
    {
        var id = own.ToByteArray(bigEndian: true);
        SHA256.HashData([.. "correction of "u8, .. id]).AsSpan(0, 10).CopyTo(id.AsSpan(6));
        (id[6], id[8]) = ((byte)(0x70 | (id[6] & 0x0f)), (byte)(0x80 | (id[8] & 0x3f)));
        return new Guid(id, bigEndian: true);
    }

    private static async Task<Dictionary<Guid, UsageEvent>> BodiesAsync(NpgsqlConnection connection, List<Guid> ids, CancellationToken cancel)
    {
        await using var command = new NpgsqlCommand("select id, body from events_of_lost where id = any($1)", connection);
        command.Parameters.Add(SqlColumns.Column(NpgsqlDbType.Uuid, ids));
        var bodies = new Dictionary<Guid, UsageEvent>();
        await using var reader = await command.ExecuteReaderAsync(cancel);
        while (await reader.ReadAsync(cancel))
            bodies[reader.GetGuid(0)] = Parse(Encoding.UTF8.GetBytes(reader.GetString(1)));
        return bodies;
    }

    private static UsageEvent Parse(ReadOnlySpan<byte> body) => JsonSerializer.Deserialize(body, UsageJson.Default.UsageEvent)!;

    private static decimal Amount(string? text) => text is null ? 0 : decimal.Parse(text, NumberStyles.Float, CultureInfo.InvariantCulture);

    private static string Text(decimal amount) => amount.ToString("0.############################", CultureInfo.InvariantCulture);

    /// <summary>Counts that are 0 and those that are not there are the same.</summary>
    private static string Text(UsageCounts counts) => string.Join(' ', JsonSerializer.SerializeToElement(counts, UsageJson.Default.UsageEvent.Options).EnumerateObject()
        .Where(count => count.Value.ValueKind == JsonValueKind.Object
            ? count.Value.EnumerateObject().Any(tool => tool.Value.GetInt64() != 0) : count.Value.GetInt64() != 0).Select(count => count.ToString()));
}
