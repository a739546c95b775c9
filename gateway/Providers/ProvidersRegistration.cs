using Microsoft.Extensions.DependencyInjection.Extensions;
using Quota.Gateway.Providers.Anthropic;
using Quota.Gateway.Providers.OpenAi;

namespace Quota.Gateway.Providers;

/// <summary>The grammars that the gateway speaks. To add another: a file, and a line here.</summary>
internal static class ProvidersRegistration
{
    public static IServiceCollection AddProviders(this IServiceCollection services)
    {
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IProviderAdapter, OpenAiAdapter>());
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IProviderAdapter, AnthropicAdapter>());
        return services;
    }
}
