namespace Quota.Gateway.Metering;

/// <summary>Reading usage as it passes, and writing each call down once.</summary>
internal static class MeteringRegistration
{
    public static IServiceCollection AddMetering(this IServiceCollection services) => services
        .AddSingleton<CallRecorder>()
        .AddSingleton<RunningStreams>().AddHostedService(provider => provider.GetRequiredService<RunningStreams>())
        .AddSingleton<Settler>().AddHostedService(provider => provider.GetRequiredService<Settler>());
}
