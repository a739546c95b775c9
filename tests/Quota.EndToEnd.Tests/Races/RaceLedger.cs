using System.Globalization;
using System.Text.Json;
using Quota.TestKit;

namespace Quota.EndToEnd.Tests.Races;

/// <summary>One call from all sides: what its gateway wrote down, what the provider saw.</summary>
internal sealed record RaceEntry(string Id, RaceKey Key, string Instance, long Seq, string Status, bool Estimated, DateTimeOffset StartedAt, DateTimeOffset EndedAt, long Input, long Output, decimal HeldNanos)
{
    public ProviderEntry? Provider { get; init; }

    public ProviderSpan? Span { get; init; }

    /// <summary>When its hold was charged provisionally, if it was.</summary>
    public DateTimeOffset? ReapedAt { get; init; }

    public bool IsAbandoned => Status == "abandoned";

    public decimal Units(string meter) => Units(meter, Input, Output);

    /// <summary>What the provider bills for it: whole answers only.</summary>
    public decimal Billed(string meter) => Provider is { Ending: ProviderEnding.Completed } served ? Units(meter, served.InputTokens, served.OutputTokens) : 0;

    /// <summary>What the provider did for it, whether or not the answer was whole.</summary>
    public decimal Served(string meter) => Provider is { Ending: not ProviderEnding.Failed } served ? Units(meter, served.InputTokens, served.OutputTokens) : 0;

    public static decimal Units(string meter, long input, long output) => meter == RaceOrg.Spend ? input * RaceOrg.NanosPerInput + output * RaceOrg.NanosPerOutput : input + output;
}

/// <summary>The events of all gateways, joined with the provider's log and with the holds that were reaped.</summary>
internal sealed class RaceLedger
{
    private RaceLedger(IReadOnlyList<RaceEntry> entries) => Entries = entries;

    public IReadOnlyList<RaceEntry> Entries { get; }

    /// <summary>Reads everything; what cannot be joined one to one is a breach.</summary>
    public static RaceLedger Read(RaceField field, List<RaceBreach> breaches)
    {
        void Breach(string what) => breaches.Add(new RaceBreach(RaceCheck.OneEventPerCall, what));
        var served = field.Provider.Served.Entries().GroupBy(entry => entry.RequestId).ToDictionary(group => group.Key, group => group.ToArray());
        var spans = field.Provider.Served.Spans().GroupBy(span => span.RequestId).ToDictionary(group => group.Key, group => group.First());
        var reaped = field.Facts.All.Where(fact => fact.Kind == "reaped").GroupBy(fact => fact.RequestId!).ToDictionary(group => group.Key, group => group.Min(fact => fact.At));
        var callers = field.Calls.Where(call => call.RequestId is not null).ToDictionary(call => call.RequestId!, call => call.Key);
        Dictionary<string, RaceKey> keyOf = [];   // by the id in events: each key was served once at least, by the probe if by no other
        foreach (var line in field.Gateways.SelectMany(gateway => gateway.EventLines()))
        {
            if (TryParse(line) is { } json && callers.TryGetValue(json.GetProperty("id").GetString()!, out var key))
                keyOf[json.GetProperty("key_id").GetString()!] = key;
        }
        Dictionary<string, (string Line, RaceEntry Entry)> byId = [];
        foreach (var line in field.Gateways.SelectMany(gateway => gateway.EventLines()))
        {
            if (TryParse(line) is not { } json)
                continue;   // half a line that a kill left behind
            if (!keyOf.TryGetValue(json.GetProperty("key_id").GetString()!, out var key))
            {
                Breach($"nobody knows the key of {line}");
                continue;
            }
            var entry = Read(json, key);
            if (byId.TryGetValue(entry.Id, out var known) && known.Line != line)
                Breach($"{entry.Id} has two events: {known.Line} and {line}");
            byId[entry.Id] = (line, entry with
            {
                Provider = served.GetValueOrDefault(entry.Id)?[0],
                Span = spans.TryGetValue(entry.Id, out var span) ? span : null,
                ReapedAt = reaped.TryGetValue(entry.Id, out var at) ? at : null,
            });
        }
        foreach (var (id, entries) in served)
        {
            if (!byId.ContainsKey(id))
                Breach($"the provider served {id} ({entries[0].Ending}), and no event says so");
            if (entries.Length > 1)
                Breach($"{id} reached the provider {entries.Length} times");
        }
        RaceEntry[] ledger = [.. byId.Values.Select(it => it.Entry)];
        foreach (var instance in ledger.GroupBy(entry => entry.Instance))
        {
            if (!instance.Select(entry => entry.Seq).Order().SequenceEqual(Enumerable.Range(1, instance.Count()).Select(seq => (long)seq)))
                Breach($"the events of gateway {instance.Key} are not numbered 1 to {instance.Count()}");
        }
        return new RaceLedger(ledger);
    }

    private static JsonElement? TryParse(string line)
    {
        try
        {
            return JsonElement.Parse(line);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static RaceEntry Read(JsonElement json, RaceKey key)
    {
        var usage = json.GetProperty("usage");
        long Count(string field) => usage.TryGetProperty(field, out var value) ? value.GetInt64() : 0;
        return new RaceEntry(json.GetProperty("id").GetString()!, key, json.GetProperty("instance").GetString()!, json.GetProperty("seq").GetInt64(),
            json.GetProperty("status").GetString()!, json.GetProperty("estimated").GetBoolean(), json.GetProperty("started_at").GetDateTimeOffset(), json.GetProperty("ended_at").GetDateTimeOffset(),
            Count("input_tokens"), Count("output_tokens"),
            json.TryGetProperty("held", out var held) ? decimal.Parse(held.GetString()!, CultureInfo.InvariantCulture) * 1_000_000_000m : 0);
    }
}
