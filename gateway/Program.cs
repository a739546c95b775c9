using System.Text;
using Quota.Gateway;
using Quota.Gateway.ControlPlane;
using Quota.Gateway.Diagnostics;
using Quota.Gateway.Forwarding;
using Quota.Gateway.Limits;
using Quota.Gateway.Lost;
using Quota.Gateway.Metering;
using Quota.Gateway.Providers;
using Quota.Gateway.Shipping;
using Quota.Gateway.Spool;
using Quota.Shared.Hosting;

try
{
    // appsettings.json lies beside the program, wherever it is started from.
    var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { Args = args, ContentRootPath = AppContext.BaseDirectory });
    var settings = new Settings(builder.Configuration, new SettingsReport());
    var ports = AdminOptions.Read(settings);
    var control = ControlPlaneOptions.Read(settings);

    builder.Services.AddSingleton(new GatewayClock(TimeProvider.System));
    builder.Services
        .AddProviders()                  // what each upstream speaks
        .AddLimits(control, settings)    // hold and settle, in Redis
        .AddForwarding(settings)         // YARP: credential swap, header hygiene
        .AddMetering()                   // usage read as it passes
        .AddShipping(control, settings)  // events on their way, until confirmed
        .AddControlPlane(control, settings)  // keys, limits, prices
        .AddSpool(settings)              // the durable local log; throws first when any setting is wrong
        .AddLost(control)                // calls of gateways that are gone for good
        .AddDiagnostics();               // metrics, admin port

    builder.WebHost.UseKestrelHttpsConfiguration().ConfigureKestrel((_, kestrel) =>
    {
        kestrel.AddServerHeader = false;
        kestrel.ResponseHeaderEncodingSelector = _ => Encoding.Latin1;   // an upstream's header value goes on as it came
        kestrel.Limits.MaxRequestBodySize = null;   // bounded by Limits__MaxBodyBytes, with the provider's own words
        kestrel.Listen(AdminOptions.AddressOf(ports.Data), ports.Data.Port, port =>
        {
            if (ports.Certificate is { } certificate)
                port.UseHttps(certificate);
        });
        kestrel.Listen(AdminOptions.AddressOf(ports.Admin), ports.Admin.Port);
    });

    var app = builder.Build();
    app.MapWhen(context => context.Connection.LocalPort == ports.Admin.Port, admin => admin.MapAdmin());
    app.MapCalls();
    await app.RunAsync();
    return 0;
}
catch (SettingsException mistakes)
{
    await Console.Error.WriteLineAsync(mistakes.Message);
    return 1;
}
catch (IOException problem)
{
    await Console.Error.WriteLineAsync(problem.Message);   // a port or the spool's folder is taken, or the spool is damaged
    return 1;
}
