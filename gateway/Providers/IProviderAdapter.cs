namespace Quota.Gateway.Providers;

/// <summary>
/// One provider's grammar: what a request asks for, how its answers report usage and how they end, how it says no. To add another: one
/// file and one line in <c>ProvidersRegistration</c>.
/// </summary>
internal interface IProviderAdapter
{
    /// <summary>The word in <c>quota.yaml</c>: <c>openai</c>.</summary>
    string Protocol { get; }

    IReadOnlyList<ProviderRoute> Routes { get; }

    /// <summary>What the body asks for, or why it cannot be taken. Never throws on input.</summary>
    /// <param name="body">Empty on a route that streams it.</param>
    RequestReading ReadRequest(CallTarget target, ReadOnlyMemory<byte> body, IHeaderDictionary headers);

    /// <summary>The request as one upstream wants it, where those that speak the grammar differ.</summary>
    ProviderRequest Prepare(ProviderRequest request, Upstream upstream) => request;

    /// <summary>The upstream's path of a call, with the model's name there.</summary>
    string PathFor(CallTarget target, string model) => target.Route.PathFor(model);

    /// <summary>A reader for the answer to this request; it sees every byte once.</summary>
    UsageReader ReaderFor(CallTarget target, ProviderRequest request, Upstream upstream);

    /// <summary>Status, headers and body of a refusal, as this provider's clients expect them.</summary>
    RefusalAnswer Refuse(Refusal refusal);

    /// <summary>Where this provider's clients ask (GET) for the models there are; one of them below it.</summary>
    IReadOnlyList<string> ModelLists => ["/v1/models"];

    /// <summary>Whether a request to a path that several grammars share is in this one, by its headers. The first grammar gets those that nobody knows.</summary>
    bool Knows(IHeaderDictionary headers);

    /// <summary>A list of models, and one of them, as this provider answers.</summary>
    byte[] WriteModels(IReadOnlyList<string> models);

    byte[] WriteModel(string model);

    /// <summary>Puts the upstream's own credential where this provider expects it. Everything else of the request is there already.</summary>
    void Authorize(HttpRequestMessage request, Upstream upstream, SplicedBody body);

    /// <summary>Tells where the tightest limit of a kind stands, in the headers that this provider's clients read.</summary>
    /// <param name="what"><c>requests</c> or <c>tokens</c>.</param>
    void WriteRate(IHeaderDictionary headers, string what, RateStanding standing);
}

/// <summary>A limit as rate headers tell it. <paramref name="FullAgain"/> is when nothing of it is used any more, as far as is known.</summary>
internal readonly record struct RateStanding(long Limit, long Remaining, DateTimeOffset At, DateTimeOffset FullAgain);
