namespace Quota.Billing.Epochs;

/// <summary>The door of this room: when an org's counters are gathered anew, and by which gateways.</summary>
internal static class EpochsRegistration
{
    public static void AddEpochs(this IServiceCollection services) => services.AddSingleton<EpochStore>();

    public static void MapEpochs(this WebApplication app) => app.MapEpochEndpoints();
}
