using System.Net.Http.Headers;
using Quota.Gateway.Forwarding;
using Quota.Gateway.Limits.Store;
using Quota.Shared.Hosting;

namespace Quota.Gateway.ControlPlane;

/// <summary>Keys, limits, prices and upstreams: from the core, or from <c>quota.yaml</c>.</summary>
internal static class ControlPlaneRegistration
{
    public static IServiceCollection AddControlPlane(this IServiceCollection services, ControlPlaneOptions options, Settings settings)
    {
        List<string> mistakes = [];
        var file = QuotaFile.Read(options.File, options.Url is null, mistakes);
        mistakes.ForEach(mistake => settings.Report.Add("quota.yaml", mistake));
        services.AddSingleton(options).AddSingleton<SnapshotFile>().AddSingleton<CurrentControl>().AddHostedService<QuotaFileWatcher>();
        services.AddSingleton<IStartupFilter>(provider => new FirstUpstreams(provider.GetRequiredService<UpstreamPool>(), file!.Upstreams));
        if (options.Url is null)
        {
            return services.AddSingleton<LimitDates>().AddSingleton<EventRecount>().AddSingleton<StandaloneSeeds>().AddHostedService(provider => provider.GetRequiredService<StandaloneSeeds>())
                .AddSingleton<IStartupFilter>(provider => new FirstSnapshot(provider.GetRequiredService<CurrentControl>(), provider.GetRequiredService<LimitDates>(), file!, provider.GetRequiredService<GatewayClock>()));
        }
        services.AddHttpClient<ControlSnapshotClient>(http =>
        {
            OfCore(http, options, TimeSpan.FromSeconds(5));
            http.MaxResponseContentBufferSize = ControlSnapshotClient.MaxBytes;
        });
        services.AddHttpClient(nameof(CoreEpochs), http => OfCore(http, options, TimeSpan.FromSeconds(2)));
        services.AddSingleton<IEpochOrders, CoreEpochs>();
        return services.AddHostedService<SnapshotRefresher>();
    }

    private static void OfCore(HttpClient http, ControlPlaneOptions options, TimeSpan timeout)
    {
        http.BaseAddress = new Uri(options.Url!.AbsoluteUri.TrimEnd('/') + "/");
        http.Timeout = timeout;
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", options.Token);
    }

    /// <summary>The file's upstreams are in force before the first request.</summary>
    private sealed class FirstUpstreams(UpstreamPool pool, UpstreamsFile file) : IStartupFilter
    {
        public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next)
        {
            pool.Replace(file);
            return next;
        }
    }

    /// <summary>Stand-alone, the file's snapshot is in force before the first request.</summary>
    private sealed class FirstSnapshot(CurrentControl control, LimitDates dates, QuotaFile file, GatewayClock clock) : IStartupFilter
    {
        public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next)
        {
            control.Replace(control.Prepare(dates.Date(file.Snapshot!)), clock.RealNow);
            return next;
        }
    }
}
