using Quota.Gateway.Forwarding;
using Quota.Gateway.Providers;
using Quota.Gateway.Providers.Generic;

namespace Quota.Gateway.ControlPlane;

/// <summary>Reads the upstreams of <c>quota.yaml</c>, the aliases of models, and how one of several upstreams is chosen.</summary>
internal static class UpstreamsText
{
    /// <summary>Protocols that have an adapter.</summary>
    private static readonly string[] Protocols = ["openai", "anthropic", "azure", "gemini", "ollama", "generic", "bedrock"];

    public static UpstreamsFile Read(QuotaFileText text, string path, List<string> mistakes)
    {
        if (text.Upstreams.Count == 0)
            mistakes.Add($"{path} upstreams: there are none; name at least one");
        if (!UpstreamPool.Policies.ContainsKey(text.Balancing))
            mistakes.Add($"{path} balancing: '{text.Balancing}' is not known; use {string.Join(", ", UpstreamPool.Policies.Keys)}");
        foreach (var (alias, model) in text.Aliases)
        {
            if (alias.Length is 0 or > 256 || model is not { Length: > 0 and <= 256 })
                mistakes.Add($"{path} aliases.{alias}: a name needs 1 to 256 characters, on both sides");
            else if (text.Aliases.ContainsKey(model))
                mistakes.Add($"{path} aliases.{alias}: '{model}' is an alias itself; name the model");
        }
        return new UpstreamsFile(
            [.. text.Upstreams.Select(upstream => Read(upstream.Key, upstream.Value ?? new UpstreamText(), $"{path} upstreams.{upstream.Key}", mistakes)).OfType<Upstream>()], text.Aliases, text.Balancing);
    }

    private static Upstream? Read(string name, UpstreamText text, string place, List<string> mistakes)
    {
        var before = mistakes.Count;
        if (text.Protocol is null || !Protocols.Contains(text.Protocol))
            mistakes.Add($"{place}.protocol: '{text.Protocol}' is not spoken; use {string.Join(", ", Protocols)}");
        if (!Uri.TryCreate(text.BaseUrl, UriKind.Absolute, out var address) || address.Scheme is not ("http" or "https") || address.Query.Length > 0)
            mistakes.Add($"{place}.base_url: '{text.BaseUrl}' must be an absolute http(s) address without a query");
        if (text.Models.Count == 0 && text.Protocol != GenericAdapter.Word)
            mistakes.Add($"{place}.models: no model goes here; name at least one glob such as \"gpt-*\"");
        foreach (var (model, there) in text.Names.Where(it => it.Value is not { Length: > 0 and <= 2048 }))
            mistakes.Add($"{place}.names.{model}: '{there}' must be what the upstream calls it, 1 to 2048 characters");
        if (text.Refusals?.BudgetStatus is { } status and not (402 or 403 or 429))
            mistakes.Add($"{place}.refusals.budget_status: {status} is not one that clients understand; use 402, 403 or 429");
        if (text.OnDisconnect is not (null or "drain" or "abort"))
            mistakes.Add($"{place}.on_disconnect: '{text.OnDisconnect}' is not known; use drain or abort, or leave it to what is known of the provider");
        var credential = Credential(text, place, mistakes);
        var health = text.Health is null ? null : Health(text.Health, $"{place}.health", mistakes);
        if (mistakes.Count > before)
            return null;
        var upstream = GenericText.Read(new Upstream(name, text.Protocol!, address!, credential, text.Models)
        {
            Provider = text.Provider ?? text.Protocol!, Names = text.Names, Options = text.Options, BudgetStatus = text.Refusals?.BudgetStatus,
            DrainsOnDisconnect = text.OnDisconnect is null ? null : text.OnDisconnect == "drain", Health = health,
        }, text, place, mistakes);
        return mistakes.Count > before ? null : upstream;
    }

    private static string Credential(UpstreamText text, string place, List<string> mistakes)
    {
        if (text.Credential?.None == true && text.Credential.Env is null)
            return "";
        string? credential = null;
        if (text.Credential?.Env is not { Length: > 0 } variable)
            mistakes.Add($"{place}.credential: is missing; use {{ env: NAME_OF_VARIABLE }}, or {{ none: true }} where the upstream asks for none");
        else if ((credential = Environment.GetEnvironmentVariable(variable)) is not { Length: > 0 })
            mistakes.Add($"{place}.credential: the environment variable {variable} is not set");
        else if (credential.Any(char.IsControl))
            mistakes.Add($"{place}.credential: the environment variable {variable} holds control characters");
        return credential ?? "";
    }

    private static HealthProbe? Health(HealthText text, string place, List<string> mistakes)
    {
        var before = mistakes.Count;
        if (text.Path is not ['/', ..])
            mistakes.Add($"{place}.path: '{text.Path}' must begin with a slash");
        TimeSpan Seconds(string field, string? value, int otherwise, int most)
        {
            if (value is null)
                return TimeSpan.FromSeconds(otherwise);
            if (value.EndsWith('s') && int.TryParse(value[..^1], NumberStyles.None, CultureInfo.InvariantCulture, out var seconds) && seconds >= 1 && seconds <= most)
                return TimeSpan.FromSeconds(seconds);
            mistakes.Add($"{place}.{field}: '{value}' must be whole seconds such as 10s, 1s to {most}s");
            return default;
        }
        var (every, timeout) = (Seconds("every", text.Every, 15, 3600), Seconds("timeout", text.Timeout, 5, 60));
        return mistakes.Count > before ? null : new HealthProbe(text.Path!, every, timeout);
    }
}
