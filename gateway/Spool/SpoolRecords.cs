using System.Text.Json;
using System.Text.Json.Serialization;
using Quota.Gateway.Limits;
using Quota.Shared.Pricing;
using Quota.Shared.Usage;

namespace Quota.Gateway.Spool;

/// <summary>Everything known of a call before it is sent: with a <see cref="CallOutcome"/> it becomes the usage event.</summary>
internal sealed record BeginRecord
{
    public required Guid Id { get; init; }

    /// <summary>The request's id, when this is a further attempt of it.</summary>
    public Guid? RequestId { get; init; }

    /// <summary>From 2 for further attempts; absent for the first.</summary>
    public int? Attempt { get; init; }

    /// <summary>The event that this one puts right, when it is no call of its own.</summary>
    public Guid? Corrects { get; init; }

    public required DateTimeOffset At { get; init; }
    public required string AtSource { get; init; }
    public required string OrgId { get; init; }
    public required string Org { get; init; }
    public string? Team { get; init; }
    public string? User { get; init; }
    public required string KeyId { get; init; }
    public string? Subscription { get; init; }
    public string? Environment { get; init; }
    public required string Provider { get; init; }
    public required string Upstream { get; init; }
    public required string Route { get; init; }

    /// <summary>The route's kind.</summary>
    public string? Endpoint { get; init; }

    public required string Model { get; init; }

    /// <summary>The client's own name for the model, when an alias mapped it.</summary>
    public string? RequestedModel { get; init; }

    /// <summary>The tier that was asked for.</summary>
    public string? ServiceTier { get; init; }

    public required bool Stream { get; init; }
    public required DateTimeOffset StartedAt { get; init; }
    public required ModelPrice Price { get; init; }

    /// <summary>What the org pays is the price times this; absent: 1.</summary>
    public decimal? Markup { get; init; }

    /// <summary>Input tokens by the documented estimate (four bytes a token), for a call whose usage never comes.</summary>
    public required long InputEstimate { get; init; }

    /// <summary>The most output tokens that were held for; no estimate goes beyond it.</summary>
    public required long OutputBound { get; init; }

    public IReadOnlyDictionary<string, string>? Tags { get; init; }

    /// <summary>Whether a hold stands in the store; false when the call was admitted while it was away.</summary>
    public bool IsHeld { get; init; } = true;

    public long Images { get; init; }

    public long BytesIn { get; init; }

    /// <summary>What was known before the call of seconds of audio, and of characters to be spoken.</summary>
    public long? Seconds { get; init; }

    public long? Characters { get; init; }

    /// <summary>What is held on money limits, decimal text; null when none applies.</summary>
    public string? Held { get; init; }

    public required IReadOnlyList<BeginCounter> Counters { get; init; }

    /// <summary>The price as a function; made when first asked for unless it is given.</summary>
    [JsonIgnore]
    public PriceFunction PriceFunction
    {
        get => field ??= new PriceFunction(Price);
        init;
    }

    /// <summary>Nobody can say what the call costs, see <see cref="UsageEvent.Unpriced"/>.</summary>
    [JsonIgnore]
    public bool IsUnpriced => Price.Version == UsageEvent.Unpriced;

    /// <summary>What the call's usage is charged by: at the tier that was answered, else the one that was asked for, at the instant of its reserve.</summary>
    public CallPrice PriceOf(CallOutcome outcome) => new(PriceFunction, new PriceTerms(outcome.ServiceTier ?? ServiceTier, At), Markup ?? 1, outcome.ProviderCost);
}

/// <summary>A counter of the hold, so that recovery can settle it without the limit.</summary>
/// <param name="Id">See <see cref="Shared.ControlPlane.CounterName"/>.</param>
/// <param name="Kind">As holds store it, see <see cref="Limits.LimitCounter.KindText"/>.</param>
/// <param name="EndsAtMs">The window's end, Unix milliseconds; null when it has none.</param>
internal sealed record BeginCounter(string Id, string Meter, string Kind, long? EndsAtMs)
{
    [JsonIgnore]
    public bool IsRate => Kind[0] is 'r' or 'R';
}

/// <summary>Everything known of a call after it ended. Kept as the receipt of the settled hold, too.</summary>
internal sealed record CallOutcome
{
    public required string Status { get; init; }
    public required UsageCounts Usage { get; init; }
    public bool Estimated { get; init; }

    /// <summary>What the corrected event was made of; null when this is no correction. The event then tells the difference.</summary>
    public CallOutcome? InsteadOf { get; init; }

    /// <summary>Another upstream was tried instead: a rate of requests, which counts what clients send, counts the one that answered.</summary>
    public bool WasTurnedDown { get; init; }

    public int? HttpStatus { get; init; }
    public string? ProviderRequestId { get; init; }
    public string? ResponseModel { get; init; }

    /// <summary>The tier that the provider says it answered at.</summary>
    public string? ServiceTier { get; init; }

    /// <summary>What the provider itself says that the call costs, in major units of the price's currency.</summary>
    public decimal? ProviderCost { get; init; }

    /// <summary>In receipts: the number of its event, by which its owner tells whether a power loss took that.</summary>
    public long? Seq { get; init; }

    public DateTimeOffset? FirstByteAt { get; init; }
    public required DateTimeOffset EndedAt { get; init; }
    public RawJson? UsageRaw { get; init; }
}

/// <summary>The counters hold the call; <paramref name="Spend"/> is what it added to the broadest spend counter, if there is one.</summary>
internal sealed record SettledRecord(Guid Id, string? Spend, string? Currency);

/// <summary>How far a running stream is, for the case that its gateway dies: the last one tells what was delivered at least.</summary>
/// <param name="Told">What the provider has told so far, if anything; of output it is <paramref name="OutputTokens"/> that counts.</param>
/// <param name="OutputTokens">By its numbers, else by the bytes that passed.</param>
internal sealed record ProgressRecord(Guid Id, DateTimeOffset At, UsageCounts? Told, long OutputTokens, string? ServiceTier);

/// <summary>The first record of a segment.</summary>
/// <param name="Previous">The end of the segment before it, so that it is noticed when that one has lost its own, or is not there.</param>
/// <param name="Durable">As of a <see cref="MarkRecord"/>.</param>
internal sealed record SegmentRecord(string Instance, long NextSeq, SpoolPosition Previous, SpoolPosition Durable);

/// <summary>Everything before <paramref name="Durable"/> had been fsynced when this was written.</summary>
internal sealed record MarkRecord(SpoolPosition Durable);

/// <summary>Of a begin or end record, only whose it is.</summary>
internal sealed record RecordId(Guid Id);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(BeginRecord))]
[JsonSerializable(typeof(CallOutcome))]
[JsonSerializable(typeof(CallNote))]
[JsonSerializable(typeof(RecordId))]
[JsonSerializable(typeof(SettledRecord))]
[JsonSerializable(typeof(ProgressRecord))]
[JsonSerializable(typeof(SegmentRecord))]
[JsonSerializable(typeof(MarkRecord))]
internal sealed partial class SpoolJson : JsonSerializerContext;
