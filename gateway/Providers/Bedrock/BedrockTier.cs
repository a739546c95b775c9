using System.Text.Json;

namespace Quota.Gateway.Providers.Bedrock;

/// <summary>
/// Which tier a request asks for: <c>serviceTier.type</c> of Converse or the header of an invoked model
/// (docs.aws.amazon.com/bedrock/latest/userguide/service-tiers-inference.html), and optimised latency, which is priced as a tier of that name.
/// </summary>
internal static class BedrockTier
{
    public const string Optimized = "optimized";

    private const string TypeHeader = "X-Amzn-Bedrock-Service-Tier";
    private const string LatencyHeader = "X-Amzn-Bedrock-PerformanceConfig-Latency";

    /// <summary>What goes out as <see cref="ProviderRequest.ServiceTier"/>: null for the ordinary one.</summary>
    /// <param name="type">Of the body; it wins over the header.</param>
    public static RequestTier Of(string? type, string? latency, IHeaderDictionary headers)
    {
        type = (type ?? headers[TypeHeader].ToString()) is var named && named is "" or "default" ? null : named;
        var isOptimized = (latency ?? headers[LatencyHeader].ToString()) == Optimized;
        return isOptimized && type is not null
            ? new RequestTier(null, new Refusal.BadRequest("performanceConfig", $"What optimised latency costs in the tier '{type}' is not known; ask for one of them."))
            : new RequestTier(isOptimized ? Optimized : type, null);
    }

    /// <summary>The tier that an answer was served at: optimised latency, where it was to be had, else what it says.</summary>
    public static string? Served(string? type, string? latency) => latency == Optimized ? latency : type ?? latency;

    /// <summary>A word in an object; null when there is none.</summary>
    public static string? Word(JsonElement parent, string field) =>
        parent.ValueKind == JsonValueKind.Object && parent.TryGetProperty(field, out var value) && value.ValueKind == JsonValueKind.String && value.GetString() is { Length: > 0 and <= 64 } word ? word : null;
}

/// <summary>A tier, or why it cannot be asked for.</summary>
internal readonly record struct RequestTier(string? Tier, Refusal? Refusal);
