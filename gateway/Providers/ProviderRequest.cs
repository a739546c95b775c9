using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Quota.Gateway.Providers;

/// <summary>Either a request or a refusal.</summary>
internal readonly record struct RequestReading(ProviderRequest? Request, Refusal? Refusal)
{
    public static implicit operator RequestReading(ProviderRequest request) => new(request, null);

    public static implicit operator RequestReading(Refusal refusal) => new(null, refusal);
}

/// <summary>What a client asks for, as far as metering cares.</summary>
internal sealed record ProviderRequest
{
    /// <summary>As the client names it.</summary>
    public required string Model { get; init; }

    /// <summary>Where the body names it, in JSON with the quotes; null when the path does.</summary>
    public BodyRange? ModelAt { get; init; }

    /// <summary>The body is a form, not JSON: names stand in it as they are.</summary>
    public bool IsForm { get; init; }

    public required bool Stream { get; init; }

    /// <summary>Bytes of the request's body: at least as many as its text has tokens, since every token covers a byte or more.</summary>
    public required long InputBytes { get; init; }

    /// <summary>The most tokens of input, where the grammar knows better than by bytes: 0 for what is billed by time or by piece.</summary>
    public long? MostInputTokens { get; init; }

    /// <summary>Tokens that the provider adds to the client's text, such as its own words about tools.</summary>
    public long AddedTokens { get; init; }

    /// <summary>Whether it asks for input to be kept in a cache, which has a price of its own.</summary>
    public bool WritesCache { get; init; }

    /// <summary>Whether some of it is to be kept for an hour, which has yet another.</summary>
    public bool WritesCacheForAnHour { get; init; }

    /// <summary>Whether it holds images, audio or files, whose tokens bytes do not bound.</summary>
    public required bool HasMedia { get; init; }

    /// <summary>Whether all of these are images, each of them counted in <see cref="Images"/>.</summary>
    public bool MediaIsImages { get; init; }

    /// <summary>Bytes of the body that are these images themselves.</summary>
    public long ImageBytes { get; init; }

    /// <summary>Whether some of its input or output may be audio, or images, which have prices of their own.</summary>
    public bool HasAudio { get; init; }

    public bool HasImages { get; init; }

    /// <summary>How many images it holds; of an image endpoint, how many are to be made.</summary>
    public required long Images { get; init; }

    /// <summary>The most seconds of audio that it can be billed for, where audio is billed by time.</summary>
    public long Seconds { get; init; }

    /// <summary>Characters to be spoken.</summary>
    public long Characters { get; init; }

    /// <summary>How often each of the provider's own tools may be called; null when it asks for none.</summary>
    public IReadOnlyDictionary<string, long>? ToolCalls { get; init; }

    /// <summary>The service tier that it asks for; null for the provider's ordinary one.</summary>
    public string? ServiceTier { get; init; }

    /// <summary>The most output tokens per choice that the client named; 0 where there is no output; null when it named none.</summary>
    public required long? OutputBound { get; init; }

    /// <summary>How many answers it asks for.</summary>
    public required long Choices { get; init; }

    /// <summary>The body is passed on while it arrives; <see cref="Body"/> is empty then.</summary>
    public bool StreamsBody { get; init; }

    /// <summary>The body to send upstream: the client's bytes, but for what must change.</summary>
    public required SplicedBody Body { get; init; }

    /// <summary>Where a bound goes that the client did not name; null when it named one.</summary>
    public required BoundPlace? BoundPlace { get; init; }

    /// <summary>Where the bound goes for an upstream that knows it by an older name only, when a null stands there under that; else in <see cref="BoundPlace"/>, renamed.</summary>
    public BoundPlace? OldBoundPlace { get; init; }

    /// <summary>What asks for usage, where the client did not and the upstream must be asked.</summary>
    public BodyEdit? UsageAsk { get; init; }

    /// <summary>Whether the stream's usage chunk was asked for by us and must not reach the client.</summary>
    public bool HidesUsage { get; init; }

    /// <summary>The request with usage asked for, should the client not have done so; then it does not see the answer to that.</summary>
    public ProviderRequest AskingForUsage() => UsageAsk is { } ask ? this with { Body = Body.With(ask), UsageAsk = null, HidesUsage = true } : this;

    /// <summary>The request with the model's name in its body replaced by the upstream's own.</summary>
    public ProviderRequest Naming(string model) => model == Model || ModelAt is not { } at
        ? this : this with { Body = Body.With(new BodyEdit(at.At, at.Length, IsForm ? Encoding.UTF8.GetBytes(model) : JsonSerializer.SerializeToUtf8Bytes(model, TextJson.Default.String))) };

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

/// <summary>A piece of a body.</summary>
internal readonly record struct BodyRange(int At, int Length)
{
    /// <summary>The value that a reader stands on.</summary>
    public static BodyRange Of(in Utf8JsonReader json) => new((int)json.TokenStartIndex, (int)(json.BytesConsumed - json.TokenStartIndex));
}

[JsonSerializable(typeof(string))]
internal sealed partial class TextJson : JsonSerializerContext;
