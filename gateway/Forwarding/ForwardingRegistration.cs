using Quota.Gateway.Providers;
using Quota.Shared.Hosting;
using Yarp.ReverseProxy.Health;

namespace Quota.Gateway.Forwarding;

/// <summary>The data port: metered routes of every adapter, and a refusal for all others.</summary>
internal static class ForwardingRegistration
{
    public static IServiceCollection AddForwarding(this IServiceCollection services, Settings settings)
    {
        services.AddReverseProxy().LoadFromMemory([], []);   // load balancing and health; calls are forwarded by ourselves
        return services.AddSingleton<IProbingRequestFactory, ProbeRequests>()
            .AddSingleton(ForwardingOptions.Read(settings)).AddSingleton<UpstreamTable>().AddSingleton<UpstreamPool>().AddSingleton<GenericRoutes>().AddSingleton<RouteTable>()
            .AddSingleton<CallForwarder>().AddSingleton<FreeCall>().AddSingleton<CallAttempts>().AddSingleton<CallHandler>().AddSingleton<ModelList>();
    }

    public static void MapCalls(this IApplicationBuilder app)
    {
        new YarpStart(app.ApplicationServices).MapReverseProxy();
        var handler = app.ApplicationServices.GetRequiredService<CallHandler>();
        var models = app.ApplicationServices.GetRequiredService<ModelList>();
        var routes = app.ApplicationServices.GetRequiredService<RouteTable>();
        app.Run(context =>
        {
            var (method, path) = (context.Request.Method, context.Request.Path.Value ?? "/");
            if ((HttpMethods.IsGet(method) || HttpMethods.IsHead(method)) && routes.FindList(path, context.Request.Headers, out var name) is { } grammar)
                return models.AnswerAsync(context, grammar, name);
            return routes.Find(method, path, out var route, out var model) is { } adapter
                ? handler.HandleAsync(context, adapter, new CallTarget(route, model, RouteTable.QueryOf(context.Request)))
                : RefusalWriter.WriteAsync(context, routes.Nearest(path).Refuse(new Refusal.UnknownRoute(method, Shown(path))));
        });
    }

    private static string Shown(string path) => path.Length <= 200 ? path : path[..200] + "…";
}
