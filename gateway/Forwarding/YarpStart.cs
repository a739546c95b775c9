namespace Quota.Gateway.Forwarding;

/// <summary>YARP's own start, without its routes: calls come by ours.</summary>
internal sealed class YarpStart(IServiceProvider services) : IEndpointRouteBuilder
{
    public IServiceProvider ServiceProvider => services;

    public ICollection<EndpointDataSource> DataSources { get; } = [];

    public IApplicationBuilder CreateApplicationBuilder() => new ApplicationBuilder(services);
}
