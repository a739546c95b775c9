namespace Quota.Gateway.Providers;

/// <summary>A model provider that calls are forwarded to. The credential is the upstream's own and replaces the caller's key.</summary>
/// <param name="Credential">Empty where the provider asks for none.</param>
internal sealed record Upstream(string Name, string Protocol, Uri BaseUrl, string Credential, IReadOnlyList<string> Models)
{
    /// <summary>Who is paid: the word of prices, selectors and events. Differs from the protocol where one speaks another's.</summary>
    public string Provider { get; init; } = Protocol;

    /// <summary>What the upstream itself calls a model: a deployment, a region's id. A model that is not here has the same name there.</summary>
    public IReadOnlyDictionary<string, string> Names { get; init; } = new Dictionary<string, string>();

    /// <summary>Words that only some protocols know, such as Bedrock's <c>region</c>; see each adapter.</summary>
    public IReadOnlyDictionary<string, string> Options { get; init; } = new Dictionary<string, string>();

    /// <summary>Of a generic upstream: the header in which clients name a model; null: there is one model.</summary>
    public string? ModelHeader { get; init; }

    /// <summary>Of a generic upstream: what its calls are metered in beside requests and bytes.</summary>
    public IReadOnlyList<Generic.UnitSource> Units { get; init; } = [];

    /// <summary>The status of a budget that is used up, for clients that retry the provider's own; null for that.</summary>
    public int? BudgetStatus { get; init; }

    /// <summary>Whether an answer is read to its end when its client has gone; null: as <see cref="Disconnects"/> knows of the provider.</summary>
    public bool? DrainsOnDisconnect { get; init; }

    /// <summary>How its health is asked for; null: only by the calls that it answers.</summary>
    public HealthProbe? Health { get; init; }

    /// <summary>Itself, as the only one there is.</summary>
    public IReadOnlyList<Upstream> Alone => field ??= [this];

    public string NameOf(string model) => Names.GetValueOrDefault(model, model);

    /// <summary>The address of a path such as <c>/v1/chat/completions</c> below the base address, with a query (empty, or with its question mark).</summary>
    public Uri AddressOf(string path, string query = "") => new(BaseUrl.AbsoluteUri.TrimEnd('/') + path + query);

    /// <summary>Without the credential, so that it cannot get into a log.</summary>
    public override string ToString() => $"{Name} ({Protocol} at {BaseUrl})";
}

/// <summary>A GET of <paramref name="Path"/>, so often; any answer of 200 to 299 is health.</summary>
internal sealed record HealthProbe(string Path, TimeSpan Every, TimeSpan Timeout);
