using System.Collections.Frozen;
using Quota.Gateway.Keys;
using Quota.Gateway.Providers;
using Quota.Gateway.Providers.Generic;

namespace Quota.Gateway.Forwarding;

/// <summary>Which grammar answers a path.</summary>
internal sealed class RouteTable
{
    private readonly IProviderAdapter[] _adapters;
    private readonly GenericRoutes _generic;
    private readonly FrozenDictionary<string, (IProviderAdapter Adapter, ProviderRoute Route)> _exact;
    private readonly (IProviderAdapter Adapter, ProviderRoute Route)[] _named;

    public RouteTable(IEnumerable<IProviderAdapter> adapters, GenericRoutes generic)
    {
        (_adapters, _generic) = ([.. adapters], generic);
        var all = _adapters.SelectMany(adapter => adapter.Routes.Select(route => (adapter, route))).ToArray();
        _exact = all.Where(it => !it.route.NamesModel).ToFrozenDictionary(it => it.route.Template, it => (it.adapter, it.route));
        _named = [.. all.Where(it => it.route.NamesModel)];
    }

    /// <summary>The grammar of a path, its route, and the model that it names; null when nobody answers it.</summary>
    public IProviderAdapter? Find(string method, string path, out ProviderRoute route, out string? model)
    {
        (route, model) = (null!, null);
        if (HttpMethods.IsPost(method) && _exact.TryGetValue(path, out var exact))
        {
            route = exact.Route;
            return exact.Adapter;
        }
        foreach (var (adapter, named) in HttpMethods.IsPost(method) ? _named : [])
        {
            if (!named.Matches(path, out model))
                continue;
            route = named;
            return adapter;
        }
        if (_generic.Find(path) is not { } generic)
            return null;
        route = generic;
        return Array.Find(_adapters, adapter => adapter.Protocol == GenericAdapter.Word);
    }

    /// <summary>The grammar of a list of models, and the one that the path names below it, empty for all; null when it is another path.</summary>
    public IProviderAdapter? FindList(string path, IHeaderDictionary headers, out string name)
    {
        (name, IProviderAdapter? found) = ("", null);
        foreach (var adapter in _adapters)
        {
            foreach (var list in adapter.ModelLists)
            {
                if (!path.StartsWith(list, StringComparison.Ordinal) || path.Length > list.Length && path[list.Length] != '/')
                    continue;
                name = path.Length > list.Length + 1 ? Uri.UnescapeDataString(path[(list.Length + 1)..]) : "";
                if (adapter.Knows(headers))
                    return adapter;
                found ??= adapter;   // of several, the first answers those that nobody knows
            }
        }
        return found;
    }

    /// <summary>Whose words a client of an unknown route understands: those of the grammar whose routes begin alike, else the first's.</summary>
    public IProviderAdapter Nearest(string path) =>
        _adapters.MaxBy(adapter => adapter.Routes.Max(route => Alike(route.Template, path))) ?? _adapters[0];

    /// <summary>The query as it goes upstream: without the caller's key.</summary>
    public static string QueryOf(HttpRequest request)
    {
        var query = request.QueryString.Value;
        if (query is not { Length: > 1 })
            return "";
        var kept = query[1..].Split('&').Where(part => !Uri.UnescapeDataString(part.Split('=')[0]).Equals(KeyReader.QueryName, StringComparison.OrdinalIgnoreCase)).ToArray();
        return kept.Length == 0 ? "" : "?" + string.Join('&', kept);
    }

    /// <summary>How many whole segments two paths begin with alike; <c>/v1</c>, which many have, says nothing.</summary>
    private static int Alike(string template, string path)
    {
        var segments = template.Split('/').Zip(path.Split('/')).TakeWhile(pair => pair.First == pair.Second).Count();
        return segments <= (template.StartsWith("/v1/", StringComparison.Ordinal) ? 2 : 1) ? 0 : segments;   // the first is the nothing before the slash
    }
}
