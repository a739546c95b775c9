using System.Text.Json.Serialization;

namespace Quota.Shared.Usage;

/// <summary>
/// One upstream attempt, written down once by the gateway and billed by the core. These are the measured facts: their bytes are
/// the event's identity and never change when it is resent. What the call added to the org's spend is an annotation (<see cref="SettledSpend"/>).
/// </summary>
public sealed record UsageEvent
{
    /// <summary>Values of <see cref="PriceVersion"/> that name no price.</summary>
    public const string PricedAsHeld = "held", Unpriced = "unknown";

    /// <summary>The one value of <see cref="CostSource"/>.</summary>
    public const string OfProvider = "provider";

    /// <summary>UUIDv7, also the answer's <c>x-request-id</c>.</summary>
    public required Guid Id { get; init; }

    public required Guid RequestId { get; init; }

    public int Attempt { get; init; } = 1;

    /// <summary>Always <c>gateway</c>: the instance is an attribute, not part of the identity.</summary>
    public string Source { get; init; } = "gateway";

    /// <summary>The id kept in the spool folder of the gateway that wrote this event.</summary>
    public required string Instance { get; init; }

    /// <summary>Gapless per instance, from 1. Written last, so that the spool can put it in when it knows it.</summary>
    [JsonPropertyOrder(1)]
    public required long Seq { get; init; }

    /// <summary>What the event counts as for billable metrics.</summary>
    public string Code { get; init; } = "llm.request";

    /// <summary>The event that this one corrects: its quantities are differences to that one's. Absent on all others.</summary>
    public Guid? Corrects { get; init; }

    /// <summary>Redis time of the reserve: alone chooses windows, price and billing period.</summary>
    public required DateTimeOffset At { get; init; }

    /// <summary><c>redis</c>, or <c>gateway</c> when the store was unreachable and policy admitted the call.</summary>
    public required string AtSource { get; init; }

    public required string Org { get; init; }

    public string? Team { get; init; }

    public string? User { get; init; }

    public required string KeyId { get; init; }

    /// <summary>External id of the subscription that pays, when the key names one.</summary>
    public string? Subscription { get; init; }

    public string? Environment { get; init; }

    public required string Provider { get; init; }

    public required string Upstream { get; init; }

    public required string Route { get; init; }

    /// <summary>What kind of endpoint the route is, one of <c>LimitSelector.EndpointKinds</c>; absent in events of before there were several.</summary>
    public string? Endpoint { get; init; }

    /// <summary>The routed model.</summary>
    public required string Model { get; init; }

    /// <summary>The client's own name for the model, when an alias mapped it.</summary>
    public string? RequestedModel { get; init; }

    /// <summary>The model the provider says it used.</summary>
    public string? ResponseModel { get; init; }

    /// <summary>The tier that the provider says it answered at (<c>flex</c>, <c>priority</c>, <c>batch</c>, …), else the one that was asked for.</summary>
    public string? ServiceTier { get; init; }

    public required bool Stream { get; init; }

    public required DateTimeOffset StartedAt { get; init; }

    public DateTimeOffset? FirstByteAt { get; init; }

    public required DateTimeOffset EndedAt { get; init; }

    /// <summary>One of <see cref="UsageStatus"/>.</summary>
    public required string Status { get; init; }

    /// <summary>What the upstream answered; absent when it never did.</summary>
    public int? HttpStatus { get; init; }

    public string? ProviderRequestId { get; init; }

    public required UsageCounts Usage { get; init; }

    /// <summary>True when the provider did not report usage and it was counted from what passed.</summary>
    public bool Estimated { get; init; }

    /// <summary>The provider's own usage object, verbatim; absent when it told none, or what is no JSON.</summary>
    public RawJson? UsageRaw { get; init; }

    /// <summary>
    /// Of an event that was made from its hold when its price was gone: <see cref="PricedAsHeld"/> where money was held, which it then costs;
    /// else <see cref="Unpriced"/>, and it has no cost.
    /// </summary>
    public string? PriceVersion { get; init; }

    /// <summary>What the vendor charges, by its own word or by the price book: decimal text in <see cref="Currency"/>; absent when it is not known, which is never 0.</summary>
    public string? Cost { get; init; }

    /// <summary><see cref="OfProvider"/> when the vendor itself said what the call costs; absent when it is the price book's amount.</summary>
    public string? CostSource { get; init; }

    /// <summary>What the org pays by the price book and its markup, decimal text in <see cref="Currency"/>; absent where that is <see cref="Cost"/>.</summary>
    public string? Spend { get; init; }

    /// <summary>What was held for it on money limits: decimal text in <see cref="Currency"/>.</summary>
    public string? Held { get; init; }

    public string? Currency { get; init; }

    /// <summary>The counters this call was counted on, so that a seed does not count it again.</summary>
    public IReadOnlyList<string> Counted { get; init; } = [];

    /// <summary>The API key's tags; absent when it has none.</summary>
    public IReadOnlyDictionary<string, string>? Tags { get; init; }

    /// <summary>
    /// True in an event that was made from its hold, by whichever gateway, because the one that served the call was declared lost. Should that one ship an
    /// event of its own for the call, the core stores the difference. Absent on all others.
    /// </summary>
    public bool? Lost { get; init; }
}

/// <summary>How a call ended.</summary>
public static class UsageStatus
{
    public const string Completed = "completed";

    /// <summary>The client went away.</summary>
    public const string Cancelled = "cancelled";

    /// <summary>The upstream answered an error, could not be reached, or broke off before anything was served.</summary>
    public const string Failed = "failed";

    /// <summary>The answer broke off after something was served.</summary>
    public const string CutOff = "cut_off";

    /// <summary>The gateway died during the call; found again at its next start.</summary>
    public const string Abandoned = "abandoned";

    public static readonly IReadOnlySet<string> All = new HashSet<string> { Completed, Cancelled, Failed, CutOff, Abandoned };
}

/// <summary>The annotation that follows an event: what it added to the org's spend counter, decimal text.</summary>
public sealed record SettledSpend(Guid Id, string Spend, string Currency);
