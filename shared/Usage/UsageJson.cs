using System.Text.Json;
using System.Text.Json.Serialization;

namespace Quota.Shared.Usage;

/// <summary>The one way both processes write and read usage: snake_case, UTC times, absent values left out.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(UsageEvent))]
[JsonSerializable(typeof(UsageCounts))]
[JsonSerializable(typeof(SettledSpend))]
[JsonSerializable(typeof(ShipAnswer))]
public sealed partial class UsageJson : JsonSerializerContext;

/// <summary>What the core says of a shipped batch, one result per event, in the batch's order.</summary>
public sealed record ShipAnswer(IReadOnlyList<ShipResult> Results);

/// <summary><paramref name="Status"/> is one of <see cref="ShipStatus"/>; <paramref name="Reason"/> says why when it is not accepted or duplicate.</summary>
public sealed record ShipResult(Guid Id, string Status, string? Reason);

/// <summary>The four answers an event can get. The first two confirm it.</summary>
public static class ShipStatus
{
    public const string Accepted = "accepted";

    /// <summary>Stored before with the same bytes: success.</summary>
    public const string Duplicate = "duplicate";

    /// <summary>Stored before with other bytes: kept aside and shown.</summary>
    public const string Conflict = "conflict";

    /// <summary>Can never be stored: kept aside by the gateway and shown.</summary>
    public const string Rejected = "rejected";

    public static readonly IReadOnlySet<string> All = new HashSet<string> { Accepted, Duplicate, Conflict, Rejected };
}
