using Quota.Shared.Hosting;

namespace Quota.Gateway.Spool;

/// <summary>The durable local log of calls.</summary>
internal static class SpoolRegistration
{
    public static IServiceCollection AddSpool(this IServiceCollection services, Settings settings)
    {
        var options = SpoolOptions.Read(settings);
        settings.Report.ThrowIfAny();
        var folder = SpoolFolder.Open(options, TimeProvider.System);
        return services.AddSingleton(options).AddSingleton(folder).AddSingleton(folder.Identity)
            .AddSingleton(new TallyFile(folder.Disk))
            .AddSingleton(provider => CallSpool.Open(options, folder, provider.GetRequiredService<TallyFile>()))
            .AddSingleton(provider => provider.GetRequiredService<CallSpool>().OpenEvents)
            .AddHostedService<SpoolFill>()
            .AddSingleton<LostCalls>()
            .AddSingleton<SpoolRecovery>().AddHostedService(provider => provider.GetRequiredService<SpoolRecovery>());
    }
}
