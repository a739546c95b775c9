using Microsoft.Extensions.DependencyInjection.Extensions;
using Quota.Gateway.Providers.Anthropic;
using Quota.Gateway.Providers.Azure;
using Quota.Gateway.Providers.Bedrock;
using Quota.Gateway.Providers.Gemini;
using Quota.Gateway.Providers.Generic;
using Quota.Gateway.Providers.Ollama;
using Quota.Gateway.Providers.OpenAi;

namespace Quota.Gateway.Providers;

/// <summary>The grammars that the gateway speaks. To add another: a file, and a line here.</summary>
internal static class ProvidersRegistration
{
    public static IServiceCollection AddProviders(this IServiceCollection services)
    {
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IProviderAdapter, OpenAiAdapter>());
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IProviderAdapter, AnthropicAdapter>());
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IProviderAdapter, AzureAdapter>());
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IProviderAdapter, GeminiAdapter>());
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IProviderAdapter, OllamaAdapter>());
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IProviderAdapter, GenericAdapter>());
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IProviderAdapter, BedrockAdapter>());
        return services;
    }
}
