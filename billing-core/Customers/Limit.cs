using System.Text.Json;
using Quota.Shared.ControlPlane;

namespace Quota.Billing.Customers;

/// <summary>A limit as it is stored: its terms, and the node that it limits by internal id and by name.</summary>
internal sealed record Limit
{
    private LimitTerms? _terms;

    public Guid Id { get; init; }

    public Guid CustomerId { get; init; }

    public string ExternalCustomerId { get; init; } = "";

    /// <summary>The customer's: of calendar windows that name none.</summary>
    public string CustomerTimezone { get; init; } = "";

    public string Code { get; init; } = "";

    /// <summary><c>org</c>, <c>team</c>, <c>user</c> or <c>key</c>.</summary>
    public string NodeKind { get; init; } = "";

    public Guid NodeId { get; init; }

    public string? ExternalTeamId { get; init; }

    public string? ExternalUserId { get; init; }

    /// <summary>The team that a limited user is in now, and the first characters of a limited key: for people only.</summary>
    public string? UsersTeam { get; init; }

    public string? KeyPrefix { get; init; }

    /// <summary>What below the node has the limit, each for itself; null: the node.</summary>
    public string? Each { get; init; }

    /// <summary>Code of the <see cref="Each"/> limit that this one replaces for its node.</summary>
    public string? Overrides { get; init; }

    public string Meter { get; init; } = "";

    public decimal Amount { get; init; }

    public string? Currency { get; init; }

    /// <summary>A <see cref="LimitWindow"/> as JSON.</summary>
    public string WindowTerms { get; init; } = "";

    public string Mode { get; init; } = "";

    /// <summary>A <see cref="LimitSelector"/> as JSON; null: all calls.</summary>
    public string? Selector { get; init; }

    public decimal[] Thresholds { get; init; } = [];

    public string Hold { get; init; } = "";

    public bool Clamp { get; init; }

    public bool Enabled { get; init; }

    /// <summary>The team or user below which it is a default, or overrides one; null for the node's own limits and defaults of the org.</summary>
    public Guid? Below { get; init; }

    /// <summary>From when on every matching call is counted on its counters; null: from ever.</summary>
    public DateTimeOffset? CountedSince { get; init; }

    public DateTimeOffset CreatedAt { get; init; }

    public DateTimeOffset UpdatedAt { get; init; }

    /// <summary>For people: <c>acme/research/ada</c>.</summary>
    public string Scope => string.Join('/', new[] { ExternalCustomerId, UsersTeam, ExternalTeamId, ExternalUserId, KeyPrefix }.Where(part => part is not null));

    /// <summary>The zone in force.</summary>
    public string ZoneId => Terms.Window.Timezone ?? CustomerTimezone;

    /// <summary>Read once: a snapshot asks often.</summary>
    public LimitTerms Terms => _terms ??= new()
    {
        Meter = Meter,
        Amount = Amount,
        Currency = Currency,
        Window = JsonSerializer.Deserialize(WindowTerms, SnapshotJson.Default.LimitWindow)!,
        Mode = Mode,
        Selector = Selector is null ? null : JsonSerializer.Deserialize(Selector, SnapshotJson.Default.LimitSelector),
        Thresholds = Thresholds,
        Hold = Hold,
        Clamp = Clamp,
    };

    /// <summary>What the counter of one node counts; of this limit's own node when it is not for each of its children.</summary>
    public string IdentityOf(Guid node) => CounterName.Identity(node.ToString("N"), Terms, ZoneId, Overrides ?? Code, Below?.ToString("N"));
}
