using Quota.Gateway.Forwarding;

namespace Quota.Gateway.ControlPlane;

/// <summary>Reads the upstreams of <c>quota.yaml</c>.</summary>
internal static class UpstreamsText
{
    /// <summary>Protocols that have an adapter.</summary>
    private static readonly string[] Protocols = ["openai", "anthropic"];

    public static IReadOnlyList<Upstream> Read(QuotaFileText text, string path, List<string> mistakes)
    {
        if (text.Upstreams.Count == 0)
            mistakes.Add($"{path} upstreams: there are none; name at least one");
        if (text.Aliases is not null)
            mistakes.Add($"{path} aliases: are not supported yet; remove them");
        return [.. text.Upstreams.Select(upstream => Read(upstream.Key, upstream.Value ?? new UpstreamText(), $"{path} upstreams.{upstream.Key}", mistakes)).OfType<Upstream>()];
    }

    private static Upstream? Read(string name, UpstreamText text, string place, List<string> mistakes)
    {
        var before = mistakes.Count;
        if (text.Protocol is null || !Protocols.Contains(text.Protocol))
            mistakes.Add($"{place}.protocol: '{text.Protocol}' is not spoken; use {string.Join(", ", Protocols)}");
        if (!Uri.TryCreate(text.BaseUrl, UriKind.Absolute, out var address) || address.Scheme is not ("http" or "https") || address.Query.Length > 0)
            mistakes.Add($"{place}.base_url: '{text.BaseUrl}' must be an absolute http(s) address without a query");
        if (text.Models.Count == 0)
            mistakes.Add($"{place}.models: no model goes here; name at least one glob such as \"gpt-*\"");
        string? credential = null;
        if (text.Credential?.Env is not { Length: > 0 } variable)
            mistakes.Add($"{place}.credential: is missing; use {{ env: NAME_OF_VARIABLE }}");
        else if ((credential = Environment.GetEnvironmentVariable(variable)) is not { Length: > 0 })
            mistakes.Add($"{place}.credential: the environment variable {variable} is not set");
        else if (credential.Any(char.IsControl))
            mistakes.Add($"{place}.credential: the environment variable {variable} holds control characters");
        return mistakes.Count == before ? new Upstream(name, text.Protocol!, address!, credential!, text.Models) : null;
    }
}
