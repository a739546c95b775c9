using System.Text.Json;
using System.Text.Json.Serialization;
using Quota.Shared.Pricing;

namespace Quota.Shared.ControlPlane;

/// <summary>
/// Everything a gateway needs to decide without asking: who may call, under which limits, at which prices.
/// The core serves it at <c>GET /internal/v1/snapshot</c>; stand-alone, <c>quota.yaml</c> becomes one.
/// </summary>
public sealed record ControlSnapshot
{
    /// <summary>The header in which a gateway says who it is.</summary>
    public const string Gateway = "x-quota-gateway";

    /// <summary>Changes whenever anything else here does; the ETag.</summary>
    public required string Version { get; init; }

    /// <summary>Milliseconds that a test clock is ahead of real time; absent in production.</summary>
    public long? ClockOffsetMs { get; init; }

    /// <summary>Base64 of the key that API-key secrets are hashed with.</summary>
    public required string Pepper { get; init; }

    public IReadOnlyList<SnapshotOrg> Orgs { get; init; } = [];

    public IReadOnlyList<SnapshotKey> Keys { get; init; } = [];

    public IReadOnlyList<SnapshotLimit> Limits { get; init; } = [];

    /// <summary>Those in force and those that will be: the gateway chooses by the instant of the call.</summary>
    public IReadOnlyList<ModelPrice> Prices { get; init; } = [];

    /// <summary>The gateways that were declared lost: one that is among them admits no metered call and ships what it has left.</summary>
    public IReadOnlyList<LostGateway> Lost { get; init; } = [];

    /// <summary>What a model without a price is held and charged at; null: its calls are refused.</summary>
    public ModelPrice? UnknownPrice { get; init; }
}

/// <summary>A paying organisation. <paramref name="Id"/> is 32 lower-case hex digits, never reused; <paramref name="Code"/> its external id.</summary>
/// <param name="Markup">What the org pays is the price times this; see <see cref="Pricing.Markup"/>.</param>
/// <param name="Gathering">The epoch that its counters are gathered into now, by every gateway (<see cref="EpochOrder"/>); else absent. A hint: the core says what to do.</param>
public sealed record SnapshotOrg(string Id, string Code, string Timezone, string Currency, decimal Markup = 1, string? Gathering = null);

/// <summary>A gateway that was declared lost, for good: whoever comes back under this name has to take another, with an empty spool folder.</summary>
public sealed record LostGateway(string Instance, DateTimeOffset At);

/// <summary>An API key that works now. Revoked keys are simply absent.</summary>
public sealed record SnapshotKey
{
    /// <summary>32 lower-case hex digits.</summary>
    public required string Id { get; init; }

    /// <summary>For people: the key's name, or the visible beginning of its secret; may repeat.</summary>
    public string? Name { get; init; }

    /// <summary>Lower-case hex of HMAC-SHA-256 over the secret (see <see cref="KeyHash"/>).</summary>
    public required string Hash { get; init; }

    public required string OrgId { get; init; }

    public string? TeamId { get; init; }

    /// <summary>External id of the team.</summary>
    public string? Team { get; init; }

    public string? UserId { get; init; }

    /// <summary>External id of the user.</summary>
    public string? User { get; init; }

    /// <summary>External id of the subscription that pays for this key's calls.</summary>
    public string? Subscription { get; init; }

    public string? Environment { get; init; }

    /// <summary>Model globs (<c>*</c>, <c>?</c>); empty allows every model.</summary>
    public IReadOnlyList<string> AllowedModels { get; init; } = [];

    public DateTimeOffset? ExpiresAt { get; init; }

    /// <summary>What limits can select by, beside the environment. The key's own: a client cannot choose them.</summary>
    public IReadOnlyDictionary<string, string> Tags { get; init; } = new Dictionary<string, string>();
}

/// <summary>A limit with its node resolved to an internal id.</summary>
public sealed record SnapshotLimit
{
    public required string Code { get; init; }

    public required string OrgId { get; init; }

    /// <summary>Internal id of the org, team, user or key that it limits, or below which each child is limited.</summary>
    public required string NodeId { get; init; }

    /// <summary><c>team</c>, <c>user</c> or <c>key</c>: every one of them below the node has this limit for itself. Null: the node itself.</summary>
    public string? Each { get; init; }

    /// <summary>What <see cref="CounterName.Identity"/> is told as <c>below</c>: the node of a default that is not the org, for itself and for what overrides it.</summary>
    public string? Below { get; init; }

    /// <summary>Code of the <c>each</c> limit that this one replaces for its node.</summary>
    public string? Overrides { get; init; }

    /// <summary>
    /// From when on every matching call was counted on this limit's counters. A window that began earlier needs a seed: until it is
    /// there, a hard limit answers unseeded. Null: from ever.
    /// </summary>
    public DateTimeOffset? Since { get; init; }

    /// <summary>
    /// What was used by calls that were not counted on these counters: in windows that began before <see cref="Since"/> by all such calls, in
    /// others what corrections say of calls that were; below 0 where too much was counted.
    /// </summary>
    public IReadOnlyList<SnapshotSeed> Seeds { get; init; } = [];

    /// <summary>For people: <c>acme/research</c>.</summary>
    public required string Scope { get; init; }

    public required LimitTerms Terms { get; init; }
}

/// <summary>
/// What one counter starts from: an absolute value, written only over a smaller <paramref name="Version"/>. A limit's node without a seed
/// of its own starts from 0 once the limit has any (<paramref name="NodeId"/> null: for all others).
/// </summary>
/// <param name="NodeId">The node that the counter belongs to; null stands for every node that has no seed of its own.</param>
/// <param name="WindowStartMs">The window's start, Unix milliseconds; 0 for a lifetime.</param>
/// <param name="Used">In the counter's units: nano-units of money, or whole things.</param>
public sealed record SnapshotSeed(string? NodeId, long WindowStartMs, long Used, long Version);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(ControlSnapshot))]
[JsonSerializable(typeof(LimitTerms))]
public sealed partial class SnapshotJson : JsonSerializerContext;
