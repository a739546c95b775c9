using Quota.Gateway.Providers;
using Quota.Shared.Hosting;
using Yarp.ReverseProxy.Forwarder;

namespace Quota.Gateway.Forwarding;

/// <summary>The data port: metered routes of every adapter, and a refusal for all others.</summary>
internal static class ForwardingRegistration
{
    public static IServiceCollection AddForwarding(this IServiceCollection services, Settings settings) =>
        services.AddSingleton(ForwardingOptions.Read(settings)).AddHttpForwarder().AddSingleton<CallForwarder>().AddSingleton<FreeCall>().AddSingleton<CallHandler>().AddSingleton<ModelList>();

    public static void MapCalls(this IApplicationBuilder app)
    {
        var handler = app.ApplicationServices.GetRequiredService<CallHandler>();
        var models = app.ApplicationServices.GetRequiredService<ModelList>();
        var adapters = app.ApplicationServices.GetServices<IProviderAdapter>().ToArray();
        var routes = adapters.SelectMany(adapter => adapter.Routes.Select(route => (route, adapter, IsFree: false)).Concat(adapter.FreeRoutes.Select(route => (route, adapter, IsFree: true))))
            .ToDictionary(it => it.route, it => (Adapter: it.adapter, it.IsFree));
        app.Run(context =>
        {
            var path = context.Request.Path.Value ?? "/";
            if (HttpMethods.IsGet(context.Request.Method) && ModelList.NameOf(path) is { } name)
                return models.AnswerAsync(context, Array.Find(adapters, adapter => adapter.Knows(context.Request.Headers)) ?? adapters[0], name);
            return HttpMethods.IsPost(context.Request.Method) && routes.TryGetValue(path, out var it)
                ? handler.HandleAsync(context, it.Adapter, path, it.IsFree)
                : RefusalWriter.WriteAsync(context, Nearest(adapters, path).Refuse(new Refusal.UnknownRoute(context.Request.Method, Shown(path))));
        });
    }

    /// <summary>Whose words a client of an unknown route understands: those of the grammar whose routes begin alike, else the first's.</summary>
    private static IProviderAdapter Nearest(IProviderAdapter[] adapters, string path) =>
        Array.Find(adapters, adapter => adapter.Routes.Any(route => path.StartsWith(route, StringComparison.Ordinal))) ?? adapters[0];

    private static string Shown(string path) => path.Length <= 200 ? path : path[..200] + "…";
}
