using System.Net.Http.Headers;
using Quota.Gateway.ControlPlane;
using Quota.Gateway.Limits;
using Quota.Gateway.Limits.Store;
using Quota.Shared.Hosting;

namespace Quota.Gateway.Shipping;

/// <summary>Sends spooled events on until they are confirmed. To add a sink: a file, a word in <see cref="ShippingOptions"/>, a line here.</summary>
internal static class ShippingRegistration
{
    public static IServiceCollection AddShipping(this IServiceCollection services, ControlPlaneOptions control, Settings settings)
    {
        var options = ShippingOptions.Read(settings, hasCore: control.Url is not null);
        services.AddSingleton(options).AddSingleton<SetAside>().AddSingleton<BatchSender>().AddSingleton<Watermark>().AddHostedService<UsageShipper>()
            .AddSingleton(provider => WatermarkClock.Of(provider.GetRequiredService<StoreConnection>(), provider.GetRequiredService<LimitsOptions>()));
        if (options.DrainTime > TimeSpan.FromSeconds(20))
            services.Configure<HostOptions>(host => host.ShutdownTimeout = options.DrainTime + TimeSpan.FromSeconds(10));   // the host itself gives up after 30 s
        return options.Sink switch
        {
            "file" => services.AddSingleton<IEventSink, FileSink>(),
            "stdout" => services.AddSingleton<IEventSink, StdoutSink>(),
            "http" => services.AddSingleton<IEventSink>(provider => new HttpSink(Client(address: null, options.Token), options, provider.GetRequiredService<GatewayClock>())),
            _ => services.AddSingleton<IEventSink>(provider => new CoreSink(
                Client(control.Url, control.Token), provider.GetRequiredService<GatewayIdentity>(), provider.GetRequiredService<Watermark>(), provider.GetRequiredService<GatewayClock>())),
        };
    }

    /// <summary>For as long as the process lives. A redirect is not followed: the token and the events go where the operator has sent them.</summary>
    private static HttpClient Client(Uri? address, string? token)
    {
        var http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, PooledConnectionLifetime = TimeSpan.FromMinutes(2), ConnectTimeout = TimeSpan.FromSeconds(5) })
        {
            BaseAddress = address is null ? null : new Uri(address.AbsoluteUri.TrimEnd('/') + "/"),
            Timeout = TimeSpan.FromSeconds(30),
        };
        if (token is not null)
            http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
        return http;
    }
}
