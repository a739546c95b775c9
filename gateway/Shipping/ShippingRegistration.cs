using System.Net.Http.Headers;
using Quota.Gateway.ControlPlane;
using Quota.Shared.Hosting;

namespace Quota.Gateway.Shipping;

/// <summary>Sends spooled events on until they are confirmed. To add a sink: a file, a word in <see cref="ShippingOptions"/>, a line here.</summary>
internal static class ShippingRegistration
{
    public static IServiceCollection AddShipping(this IServiceCollection services, ControlPlaneOptions control, Settings settings)
    {
        var options = ShippingOptions.Read(settings, hasCore: control.Url is not null);
        services.AddSingleton(options).AddHostedService<UsageShipper>();
        return options.Sink switch
        {
            "file" => services.AddSingleton<IEventSink, FileSink>(),
            "stdout" => services.AddSingleton<IEventSink, StdoutSink>(),
            _ => AddCore(services, control),
        };
    }

    private static IServiceCollection AddCore(IServiceCollection services, ControlPlaneOptions control)
    {
        services.AddHttpClient(nameof(CoreSink), http =>
        {
            http.BaseAddress = new Uri(control.Url!.AbsoluteUri.TrimEnd('/') + "/");
            http.Timeout = TimeSpan.FromSeconds(30);
            http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", control.Token);
        });
        return services.AddSingleton<IEventSink>(provider =>
            new CoreSink(provider.GetRequiredService<IHttpClientFactory>().CreateClient(nameof(CoreSink)), provider.GetRequiredService<GatewayIdentity>()));
    }
}
