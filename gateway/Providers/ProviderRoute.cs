namespace Quota.Gateway.Providers;

/// <summary>A path (POST) that a grammar answers. A <c>{model}</c> in it stands for the model's name: <c>/model/{model}/converse</c>.</summary>
/// <param name="Kind">What kind of endpoint it is, one of <c>LimitSelector.EndpointKinds</c>.</param>
internal sealed record ProviderRoute(string Template, string Kind)
{
    private const string Place = "{model}";
    private readonly int _place = Template.IndexOf(Place, StringComparison.Ordinal);

    /// <summary>The provider answers it for nothing: passed on for a valid key, not metered.</summary>
    public bool IsFree { get; init; }

    /// <summary>The model stands in the path and nothing in the body matters before the call: the body is passed on as it arrives, of any size up to <c>Limits__MaxUploadBytes</c>.</summary>
    public bool StreamsBody { get; init; }

    /// <summary>The model that a free call means which names none.</summary>
    public string? DefaultModel { get; init; }

    /// <summary>The body holds a file: it may be as large as <c>Limits__MaxUploadBytes</c>.</summary>
    public bool IsUpload { get; init; }

    /// <summary>The one upstream that it leads to, where that is in the path: of generic upstreams.</summary>
    public Upstream? Upstream { get; init; }

    /// <summary>What follows the template in this call's path, escaped, such as <c>/v1/pages</c>; only where a template stands for all paths below it.</summary>
    public string Below { get; init; } = "";

    public bool NamesModel => _place >= 0;

    /// <summary>Whether a path is this route, and which model it names, if it names one.</summary>
    public bool Matches(string path, out string? model)
    {
        model = null;
        if (_place < 0)
            return path == Template;
        var before = Template.AsSpan(0, _place);
        var after = Template.AsSpan(_place + Place.Length);
        if (path.Length <= before.Length + after.Length || !path.AsSpan().StartsWith(before) || !path.AsSpan().EndsWith(after))
            return false;
        var name = path[before.Length..^after.Length];
        if (name.Contains('/'))
            return false;
        model = Uri.UnescapeDataString(name);   // the server leaves an escaped slash alone: ARNs have some
        return true;
    }

    /// <summary>The path with a model's name in it.</summary>
    public string PathFor(string model) => _place < 0 ? Template : string.Concat(Template.AsSpan(0, _place), Uri.EscapeDataString(model), Template.AsSpan(_place + Place.Length));
}

/// <summary>Where a client's request goes: the route, the model when the path names it, and the query without the caller's key (empty, or with its question mark).</summary>
internal sealed record CallTarget(ProviderRoute Route, string? Model = null, string Query = "");
