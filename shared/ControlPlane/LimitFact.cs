using System.Text.Json.Serialization;

namespace Quota.Shared.ControlPlane;

/// <summary>
/// Something that happened on a limit's counter and that people want to know: told by gateways to the core (<c>POST /internal/v1/facts</c>),
/// stand-alone to a webhook. The same fact always has the same id, so it may be told again.
/// </summary>
public sealed record LimitFact
{
    public const string Threshold = "threshold", Over = "over", Reaped = "reaped";

    /// <summary>128 bits as lower-case hex.</summary>
    public required string Id { get; init; }

    /// <summary>
    /// <c>threshold</c>: use has crossed a share of the amount; <c>over</c>: a call used more than was held for it;
    /// <c>reaped</c>: a hold whose gateway fell silent was charged provisionally.
    /// </summary>
    public required string Kind { get; init; }

    /// <summary>Redis time.</summary>
    public required DateTimeOffset At { get; init; }

    /// <summary>The org's code.</summary>
    public required string Org { get; init; }

    /// <summary>Internal id of the org.</summary>
    public required string OrgId { get; init; }

    /// <summary>Internal id of the node whose counter it is; absent for <c>reaped</c>.</summary>
    public string? NodeId { get; init; }

    /// <summary>The limit's code; absent for <c>over</c> and <c>reaped</c>, which are not one limit's.</summary>
    public string? Limit { get; init; }

    /// <summary>The share crossed, e.g. 0.8.</summary>
    public decimal? Share { get; init; }

    /// <summary>The counter; absent for <c>reaped</c>.</summary>
    public string? Counter { get; init; }

    /// <summary>The window's start; absent for <c>reaped</c> and where the window has none.</summary>
    public DateTimeOffset? WindowStart { get; init; }

    /// <summary>What was used in the counter's units: at the crossing, or beyond the hold for <c>over</c>.</summary>
    public long? Used { get; init; }

    /// <summary>The call that was over or reaped.</summary>
    public Guid? RequestId { get; init; }
}

/// <summary>What a gateway tells; answered with 204 once all of it is stored.</summary>
public sealed record FactReport(string Instance, IReadOnlyList<LimitFact> Facts)
{
    /// <summary>The most facts in one report.</summary>
    public const int MostFacts = 1000;
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(FactReport))]
[JsonSerializable(typeof(LimitFact))]
public sealed partial class FactJson : JsonSerializerContext;
