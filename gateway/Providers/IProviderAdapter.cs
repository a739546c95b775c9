using System.Net.Http.Headers;
using System.Text;

namespace Quota.Gateway.Providers;

/// <summary>
/// One provider's grammar: what a request asks for, how its answers report usage and how they end, how it says no. To add another: one
/// file and one line in <c>ProvidersRegistration</c>.
/// </summary>
internal interface IProviderAdapter
{
    /// <summary>The word in <c>quota.yaml</c>: <c>openai</c>.</summary>
    string Protocol { get; }

    /// <summary>The metered routes (POST) that this grammar answers.</summary>
    IReadOnlyList<string> Routes { get; }

    /// <summary>Routes (POST, a body that names a model) that the provider answers for nothing: passed on for a valid key, not metered.</summary>
    IReadOnlyList<string> FreeRoutes => [];

    /// <summary>What kind of endpoint one of <see cref="Routes"/> is, one of <c>LimitSelector.EndpointKinds</c>.</summary>
    string EndpointKind(string route);

    /// <summary>What the body asks for, or why it cannot be taken. Never throws on input.</summary>
    RequestReading ReadRequest(string route, ReadOnlyMemory<byte> body, IHeaderDictionary headers);

    /// <summary>A reader for the answer to this request; it sees every byte once.</summary>
    UsageReader ReaderFor(string route, ProviderRequest request);

    /// <summary>Status, headers and body of a refusal, as this provider's clients expect them.</summary>
    RefusalAnswer Refuse(Refusal refusal);

    /// <summary>Whether a request to a path that several grammars share is in this one, by its headers. The first grammar gets those that nobody knows.</summary>
    bool Knows(IHeaderDictionary headers);

    /// <summary>A list of models, and one of them, as this provider answers.</summary>
    byte[] WriteModels(IReadOnlyList<string> models);

    byte[] WriteModel(string model);

    /// <summary>Puts the upstream's own credential where this provider expects it.</summary>
    void Authorize(HttpRequestHeaders headers, string credential);

    /// <summary>Tells where the tightest limit of a kind stands, in the headers that this provider's clients read.</summary>
    /// <param name="what"><c>requests</c> or <c>tokens</c>.</param>
    void WriteRate(IHeaderDictionary headers, string what, RateStanding standing);
}

/// <summary>A limit as rate headers tell it. <paramref name="FullAgain"/> is when nothing of it is used any more, as far as is known.</summary>
internal readonly record struct RateStanding(long Limit, long Remaining, DateTimeOffset At, DateTimeOffset FullAgain);

/// <summary>Either a request or a refusal.</summary>
internal readonly record struct RequestReading(ProviderRequest? Request, Refusal? Refusal)
{
    public static implicit operator RequestReading(ProviderRequest request) => new(request, null);

    public static implicit operator RequestReading(Refusal refusal) => new(null, refusal);
}

/// <summary>What a client asks for, as far as metering cares.</summary>
internal sealed record ProviderRequest
{
    public required string Model { get; init; }

    public required bool Stream { get; init; }

    /// <summary>Bytes of the request's body: at least as many as its text has tokens, since every token covers a byte or more.</summary>
    public required long InputBytes { get; init; }

    /// <summary>Tokens that the provider adds to the client's text, such as its own words about tools.</summary>
    public long AddedTokens { get; init; }

    /// <summary>Whether it asks for input to be kept in a cache, which has a price of its own.</summary>
    public bool WritesCache { get; init; }

    /// <summary>Whether some of it is to be kept for an hour, which has yet another.</summary>
    public bool WritesCacheForAnHour { get; init; }

    /// <summary>Whether it holds images, audio or files, whose tokens bytes do not bound.</summary>
    public required bool HasMedia { get; init; }

    /// <summary>How many images it holds.</summary>
    public required long Images { get; init; }

    /// <summary>The most output tokens per choice that the client named; 0 where there is no output; null when it named none.</summary>
    public required long? OutputBound { get; init; }

    /// <summary>How many answers it asks for.</summary>
    public required long Choices { get; init; }

    /// <summary>The body to send upstream: the client's bytes, but for what must change.</summary>
    public required SplicedBody Body { get; init; }

    /// <summary>Where a bound goes that the client did not name; null when it named one.</summary>
    public required BoundPlace? BoundPlace { get; init; }

    /// <summary>Whether the stream's usage chunk was asked for by us and must not reach the client.</summary>
    public required bool HidesUsage { get; init; }

    /// <summary>The body with an output bound per choice put in, when there is one to put in.</summary>
    /// <exception cref="InvalidOperationException">The client named a bound itself; it is never changed.</exception>
    public SplicedBody BodyWith(long? outputBound)
    {
        if (outputBound is not { } bound)
            return Body;
        var place = BoundPlace ?? throw new InvalidOperationException("the client named an output bound; it is never changed");
        return Body.With(new BodyEdit(place.At, place.Remove, Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{place.Before}{bound}{place.After}"))));
    }
}

/// <summary>Where an output bound is put in: at <paramref name="At"/>, instead of <paramref name="Remove"/> bytes, between two pieces of JSON.</summary>
internal sealed record BoundPlace(int At, int Remove, string Before, string After = "");
