using System.Text.Json;
using System.Text.Json.Serialization;
using Quota.Gateway.ControlPlane;
using Quota.Gateway.Limits;
using Quota.Gateway.Limits.Store;
using Quota.Shared.Amounts;
using Quota.Shared.Pricing;
using Quota.Shared.Usage;

namespace Quota.Gateway.Spool;

/// <summary>
/// What a hold says of its call, so that the call has its event even where no begin record of it is left: the machine lost its power, or its disk
/// (protocols.md, C2 and C4). About 200 bytes of JSON, on the request path; no prompt and no secret. What the hold or the snapshot has is not in it.
/// </summary>
internal sealed record CallNote
{
    [JsonPropertyName("key")]
    public required string KeyId { get; init; }

    /// <summary>The request's id and the attempt's number, of further attempts only.</summary>
    [JsonPropertyName("req")]
    public Guid? RequestId { get; init; }

    [JsonPropertyName("try")]
    public int? Attempt { get; init; }

    [JsonPropertyName("team")]
    public string? Team { get; init; }

    [JsonPropertyName("user")]
    public string? User { get; init; }

    [JsonPropertyName("sub")]
    public string? Subscription { get; init; }

    [JsonPropertyName("env")]
    public string? Environment { get; init; }

    [JsonPropertyName("tags")]
    public IReadOnlyDictionary<string, string>? Tags { get; init; }

    [JsonPropertyName("by")]
    public required string Provider { get; init; }

    [JsonPropertyName("via")]
    public required string Upstream { get; init; }

    [JsonPropertyName("route")]
    public required string Route { get; init; }

    [JsonPropertyName("kind")]
    public string? Endpoint { get; init; }

    [JsonPropertyName("model")]
    public required string Model { get; init; }

    /// <summary>The version of the price that it was held at.</summary>
    [JsonPropertyName("price")]
    public required string PriceVersion { get; init; }

    [JsonPropertyName("asked")]
    public string? RequestedModel { get; init; }

    [JsonPropertyName("tier")]
    public string? ServiceTier { get; init; }

    [JsonPropertyName("stream")]
    public bool Stream { get; init; }

    [JsonPropertyName("in")]
    public long InputEstimate { get; init; }

    [JsonPropertyName("bytes")]
    public long BytesIn { get; init; }

    [JsonPropertyName("images")]
    public long Images { get; init; }

    [JsonPropertyName("seconds")]
    public long? Seconds { get; init; }

    [JsonPropertyName("chars")]
    public long? Characters { get; init; }

    [JsonPropertyName("markup")]
    public decimal? Markup { get; init; }

    /// <summary>What each of the hold's counters counts, in their order; filled in when the hold is asked for.</summary>
    [JsonPropertyName("meters")]
    public IReadOnlyList<string>? Meters { get; set; }

    /// <summary>The note of a hold; null when it has none, or none that can be read.</summary>
    public static CallNote? Read(byte[]? note)
    {
        try
        {
            return note is { Length: > 0 } ? JsonSerializer.Deserialize(note, SpoolJson.Default.CallNote) : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>
    /// The begin record as it was, but for what only its gateway knew: it started when it was held. Null when the hold's counters do not pair with the
    /// note, or the org is not known.
    /// </summary>
    public BeginRecord? BeginOf(FoundHold hold, ControlState state)
    {
        if (state.OrgOf(hold.OrgId) is not { } org || Meters is null || Meters.Count != hold.Counters.Count || hold.Kinds.Count != hold.Counters.Count)
            return null;
        var known = state.PriceOf(Provider, Model, hold.At) is { } found && found.Price.Version == PriceVersion ? found : null;
        var money = Meters.ToList().FindIndex(meter => meter is Shared.ControlPlane.Meters.Spend or Shared.ControlPlane.Meters.Cost);
        var held = money >= 0 && money < hold.Quantities.Count ? hold.Quantities[money] : (long?)null;
        var price = known ?? GonePrice(org.Currency, held);
        return new BeginRecord
        {
            Id = hold.RequestId, RequestId = RequestId, Attempt = Attempt, At = hold.At, AtSource = "redis", OrgId = hold.OrgId, Org = org.Code, Team = Team, User = User,
            KeyId = KeyId, Subscription = Subscription, Environment = Environment, Provider = Provider, Upstream = Upstream, Route = Route, Endpoint = Endpoint, Model = Model,
            RequestedModel = RequestedModel, ServiceTier = ServiceTier, Stream = Stream, StartedAt = hold.At, Price = price.Price, PriceFunction = price, Markup = known is null ? null : Markup,
            InputEstimate = InputEstimate, OutputBound = 0, Tags = Tags, Images = Images, BytesIn = BytesIn, Seconds = Seconds, Characters = Characters,
            Held = held is { } nanos ? NanoUnits.ToText(nanos, price.Currency) : null,
            Counters = [.. hold.Counters.Select((id, i) => new BeginCounter(id, Meters[i], hold.Kinds[i], EndOf(hold, i, state)))],
        };
    }

    /// <summary>
    /// For a price that the snapshot does not have any more, as after more than a day: the call costs what was held for it, which its counters say until
    /// it is settled. Where no money was held, nobody can say: see <see cref="UsageEvent.Unpriced"/>.
    /// </summary>
    private PriceFunction GonePrice(string currency, long? held) => new(new ModelPrice
    {
        Provider = Provider, Model = Model, Currency = currency, Input = 0, Output = 0,
        PerRequest = held is { } nanos ? NanoUnits.ToDecimal(nanos, Shared.Amounts.Currency.Parse(currency)) : null, Version = held is null ? UsageEvent.Unpriced : UsageEvent.PricedAsHeld,
    });

    /// <summary>A counter's end: by the limit, where that is still there, else no earlier than it can have been. Null for what has none.</summary>
    private static long? EndOf(FoundHold hold, int counter, ControlState state)
    {
        if (hold.Kinds[counter] is not ['c' or 'C', .. var start])
            return null;
        var at = hold.At.ToUnixTimeMilliseconds();
        foreach (var known in state.Counters.Where(known => known.OrgId == hold.OrgId && known.IsCalendar))
        {
            var windows = known.WindowsAt(at);
            if (windows.Current == hold.Counters[counter] || windows.Next == hold.Counters[counter])
                return (windows.Current == hold.Counters[counter] ? windows.Middle : windows.End) is var end && end != long.MaxValue ? end : null;
        }
        return start == "0" ? null : at + (long)TimeSpan.FromDays(366).TotalMilliseconds;
    }
}
