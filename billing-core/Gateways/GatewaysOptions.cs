using Quota.Shared.Hosting;

namespace Quota.Billing.Gateways;

/// <summary>Settings under <c>Gateways</c>, beside the tokens, which belong to <c>Access</c>.</summary>
internal sealed record GatewaysOptions
{
    /// <summary><c>Gateways__LostAfter</c>: how long nothing must have been heard of a gateway before it may be declared lost; 1 s to 30 days, 10 minutes by default.</summary>
    public required TimeSpan LostAfter { get; init; }

    public static GatewaysOptions Read(Settings settings) =>
        new() { LostAfter = settings.Duration("Gateways__LostAfter", TimeSpan.FromMinutes(10), TimeSpan.FromSeconds(1), TimeSpan.FromDays(30)) };
}
