using System.Text.Json;
using Quota.Shared.ControlPlane;

namespace Quota.Billing.Customers;

/// <summary>A limit as it is stored: its terms, and the node that it limits by internal id and by name.</summary>
internal sealed record Limit
{
    public Guid Id { get; init; }

    public Guid CustomerId { get; init; }

    public string ExternalCustomerId { get; init; } = "";

    public string Code { get; init; } = "";

    /// <summary><c>org</c>, <c>team</c>, <c>user</c> or <c>key</c>.</summary>
    public string NodeKind { get; init; } = "";

    public Guid NodeId { get; init; }

    public string? ExternalTeamId { get; init; }

    public string? ExternalUserId { get; init; }

    public string Meter { get; init; } = "";

    public decimal Amount { get; init; }

    public string? Currency { get; init; }

    /// <summary>A <see cref="LimitWindow"/> as JSON.</summary>
    public string WindowTerms { get; init; } = "";

    public string Mode { get; init; } = "";

    public bool Enabled { get; init; }

    public DateTimeOffset CreatedAt { get; init; }

    public DateTimeOffset UpdatedAt { get; init; }

    public LimitTerms Terms => new() { Meter = Meter, Amount = Amount, Currency = Currency, Window = ReadWindow(WindowTerms), Mode = Mode };

    public static string WriteWindow(LimitWindow window) => JsonSerializer.Serialize(window, SnapshotJson.Default.LimitWindow);

    public static LimitWindow ReadWindow(string text) => JsonSerializer.Deserialize(text, SnapshotJson.Default.LimitWindow)!;
}

/// <summary>A limit as the API shows it: scope and window as they were sent.</summary>
internal sealed record LimitAnswer(
    Guid Id, string Code, LimitScope Scope, string Meter, decimal Amount, string? Currency, LimitWindowAnswer Window, string Mode, bool Enabled,
    DateTimeOffset CreatedAt, DateTimeOffset UpdatedAt)
{
    public static LimitAnswer Of(Limit limit)
    {
        var window = limit.Terms.Window;
        return new LimitAnswer(
            limit.Id, limit.Code,
            new LimitScope(limit.ExternalCustomerId, limit.ExternalTeamId, limit.ExternalUserId, limit.NodeKind == "key" ? limit.NodeId : null),
            limit.Meter, limit.Amount, limit.Currency, new LimitWindowAnswer(window.Kind, window.Every, window.Burst, window.Timezone),
            limit.Mode, limit.Enabled, limit.CreatedAt, limit.UpdatedAt);
    }
}

/// <summary>Which node is limited.</summary>
internal sealed record LimitScope(string ExternalCustomerId, string? ExternalTeamId, string? ExternalUserId, Guid? ApiKeyId);

/// <summary>The stretch of time a limit counts in.</summary>
internal sealed record LimitWindowAnswer(string Kind, string? Every, long? Burst, string? Timezone);
