using System.Collections.Concurrent;
using Quota.Gateway.Entitlements;
using Quota.Shared.ControlPlane;

namespace Quota.Gateway.Limits;

/// <summary>Which counters a key's requests touch, from the org down to the key. Made once per snapshot.</summary>
internal sealed class LimitPlan(string orgId, IReadOnlyList<LimitCounter> counters)
{
    private const int MostKept = 256;
    private readonly ConcurrentDictionary<(string, string, string), LimitCounter[]> _kept = new();
    private readonly LimitCounter[]? _always = counters.Any(IsSelective) ? null : [.. counters];

    public string OrgId => orgId;

    /// <summary>Every counter that some request of the key touches.</summary>
    public IReadOnlyList<LimitCounter> Counters => counters;

    public bool HasMoney { get; } = counters.Any(counter => counter.Terms.IsMoney);

    /// <summary>The counters that a call of this model, provider and kind of endpoint touches.</summary>
    public IReadOnlyList<LimitCounter> For(string model, string provider, string endpoint)
    {
        if (_always is not null)
            return _always;
        if (_kept.TryGetValue((model, provider, endpoint), out var kept))
            return kept;
        LimitCounter[] found = [.. counters.Where(counter => WhyNot(counter.Terms.Selector, model, provider, endpoint) is null)];
        if (_kept.Count < MostKept)   // model names come from clients
            _kept[(model, provider, endpoint)] = found;
        return found;
    }

    /// <summary>Why a selector leaves a call out; null when it takes it. Environment and tags are the key's and were looked at before.</summary>
    public static string? WhyNot(LimitSelector? selector, string model, string provider, string endpoint)
    {
        if (selector is null)
            return null;
        if (selector.Models.Count > 0 && !ModelAllowance.Matches(selector.Models, model))
            return $"the model is none of {string.Join(", ", selector.Models)}";
        if (selector.Providers.Count > 0 && !selector.Providers.Contains(provider))
            return $"the provider is none of {string.Join(", ", selector.Providers)}";
        return selector.Endpoints.Count > 0 && !selector.Endpoints.Contains(endpoint) ? $"the endpoint is none of {string.Join(", ", selector.Endpoints)}" : null;
    }

    /// <summary>Why a selector leaves a key out; null when it takes it.</summary>
    public static string? WhyNot(LimitSelector? selector, SnapshotKey key)
    {
        if (selector is null)
            return null;
        if (selector.Environments.Count > 0 && (key.Environment is null || !selector.Environments.Contains(key.Environment)))
            return $"the key's environment is none of {string.Join(", ", selector.Environments)}";
        return selector.Tags.FirstOrDefault(tag => key.Tags.GetValueOrDefault(tag.Key) != tag.Value) is { Key: { } name } missing
            ? $"the key has no tag {name}={missing.Value}" : null;
    }

    private static bool IsSelective(LimitCounter counter) =>
        counter.Terms.Selector is { } selector && selector.Models.Count + selector.Providers.Count + selector.Endpoints.Count > 0;
}
