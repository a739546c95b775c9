using System.Collections.Concurrent;
using Microsoft.Extensions.Primitives;
using Quota.Gateway.Providers;
using Yarp.ReverseProxy;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Health;
using Yarp.ReverseProxy.LoadBalancing;
using Yarp.ReverseProxy.Model;

namespace Quota.Gateway.Forwarding;

/// <summary>
/// Which of several upstreams is asked first, and which are not well: YARP's load balancing, probes and reactivation, a cluster for each
/// upstream. A call's own failures count, too: after <see cref="FailuresUntilIll"/> in a row an upstream is left out until it is tried again.
/// </summary>
internal sealed class UpstreamPool(
    UpstreamTable upstreams, InMemoryConfigProvider yarp, IProxyStateLookup state, IDestinationHealthUpdater health, IEnumerable<ILoadBalancingPolicy> policies)
{
    public const int FailuresUntilIll = 3;
    public static readonly TimeSpan IllFor = TimeSpan.FromSeconds(15);

    /// <summary>The file's words, and YARP's. The first is the file's order: the others are there for when it fails.</summary>
    public static readonly IReadOnlyDictionary<string, string> Policies = new Dictionary<string, string>
    {
        ["first"] = LoadBalancingPolicies.FirstAlphabetical, ["round_robin"] = LoadBalancingPolicies.RoundRobin, ["random"] = LoadBalancingPolicies.Random,
    };

    private readonly Dictionary<string, ILoadBalancingPolicy> _policies = policies.ToDictionary(policy => policy.Name);
    private readonly ConcurrentDictionary<string, int> _failures = new();

    /// <summary>Puts upstreams in force.</summary>
    public void Replace(UpstreamsFile file)
    {
        upstreams.Replace(file);
        yarp.Update([], [.. file.Upstreams.Select(ClusterOf)]);
    }

    /// <summary>The upstreams in the order in which they are tried: the chosen one, then the other healthy ones. When none is, all of them.</summary>
    public IReadOnlyList<Upstream> Order(HttpContext context, IReadOnlyList<Upstream> candidates)
    {
        if (candidates.Count <= 1)
            return candidates;
        List<Upstream> well = [.. candidates.Where(IsWell)];
        if (well.Count == 0)
            well = [.. candidates];
        var policy = upstreams.Now.Balancing;
        if (policy == "first" || well.Count == 1)
            return well;
        var places = well.Select(upstream => StateOf(upstream)?.Destination).OfType<DestinationState>().ToArray();
        if (places.Length != well.Count || _policies[Policies[policy]].PickDestination(context, StateOf(candidates[0])!.Value.Cluster, places) is not { } picked)
            return well;   // the file has just changed
        var first = well.Find(upstream => upstream.Name == picked.DestinationId)!;
        return [first, .. well.Where(upstream => upstream != first)];
    }

    /// <summary>Whether an upstream that was asked failed to answer.</summary>
    public void Report(Upstream upstream, bool failed)
    {
        if (!failed)
        {
            if (_failures.ContainsKey(upstream.Name))
                _failures.TryRemove(upstream.Name, out _);
            return;
        }
        if (_failures.AddOrUpdate(upstream.Name, 1, static (_, count) => count + 1) < FailuresUntilIll || StateOf(upstream) is not { } it)
            return;
        _failures.TryRemove(upstream.Name, out _);
        health.SetPassive(it.Cluster, it.Destination, DestinationHealth.Unhealthy, IllFor);
    }

    private bool IsWell(Upstream upstream) => StateOf(upstream) is not { Destination.Health: { } it } || it.Passive != DestinationHealth.Unhealthy && it.Active != DestinationHealth.Unhealthy;

    private (ClusterState Cluster, DestinationState Destination)? StateOf(Upstream upstream) =>
        state.TryGetCluster(upstream.Name, out var cluster) && cluster.Destinations.TryGetValue(upstream.Name, out var destination) ? (cluster, destination) : null;

    private static ClusterConfig ClusterOf(Upstream upstream) => new()
    {
        ClusterId = upstream.Name,
        Destinations = new Dictionary<string, DestinationConfig> { [upstream.Name] = new() { Address = upstream.BaseUrl.AbsoluteUri } },
        HealthCheck = new HealthCheckConfig
        {
            Passive = new PassiveHealthCheckConfig { Enabled = true, Policy = HealthCheckConstants.PassivePolicy.TransportFailureRate, ReactivationPeriod = IllFor },
            Active = upstream.Health is not { } probe ? null : new ActiveHealthCheckConfig
            {
                Enabled = true, Interval = probe.Every, Timeout = probe.Timeout, Path = probe.Path, Policy = HealthCheckConstants.ActivePolicy.ConsecutiveFailures,
            },
        },
    };
}
