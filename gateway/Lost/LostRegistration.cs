using Quota.Gateway.ControlPlane;

namespace Quota.Gateway.Lost;

/// <summary>What becomes of calls whose gateway is gone for good. Only a core can say that one is.</summary>
internal static class LostRegistration
{
    public static IServiceCollection AddLost(this IServiceCollection services, ControlPlaneOptions control) =>
        control.Url is null ? services : services.AddSingleton<LostHolds>().AddHostedService<LostSweep>();
}
