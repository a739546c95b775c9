using System.Text.Json;

namespace Quota.Gateway.Providers.Tokens;

/// <summary>
/// How many tokens a request's input has at most. The second question, by the model's own tokenizer, is for when the first answer was too much for a
/// limit: it takes some milliseconds for a long body, and memory for its text.
/// </summary>
internal static class InputBound
{
    /// <summary>Longer bodies are not tokenized: this much takes 0.1 s in English and 0.5 s at worst.</summary>
    public const int MostBytes = 1 << 20;

    /// <summary>
    /// The first question, for nothing: a byte-level tokenizer never makes more tokens than bytes, and the framing of messages is covered by the JSON
    /// around them. Null when nothing but the model's context window bounds the input.
    /// </summary>
    /// <param name="provider">Who is paid.</param>
    /// <param name="model">The routed one.</param>
    public static long? Cheap(string provider, string model, ProviderRequest request)
    {
        if (!request.HasMedia)
            return request.InputBytes + request.AddedTokens;
        return request.MediaIsImages && ImageTokens.Most(provider, model) is { } each ? checked(request.InputBytes - request.ImageBytes + request.AddedTokens + request.Images * each) : null;
    }

    /// <summary>A bound that is never below the truth; it may be above the bytes of a short body. Null when it cannot be told: no public tokenizer, one not loaded yet, media, too long.</summary>
    /// <param name="kind">The route's.</param>
    /// <param name="model">The routed one.</param>
    public static long? Tight(string kind, string model, ProviderRequest request) => Read(kind, model, request) is { } input ? input.Tokens + input.Allowance + request.AddedTokens : null;

    /// <summary>What the input probably has: without the allowance. Null as above.</summary>
    public static long? Estimate(string kind, string model, ProviderRequest request) => Read(kind, model, request)?.Tokens;

    private static InputCount? Read(string kind, string model, ProviderRequest request)
    {
        var body = request.Body.Original.Span;
        if (request.HasMedia || body.Length > MostBytes || kind is not ("chat" or "responses" or "completions" or "embeddings") || TokenCounter.For(model) is not { } counter)
            return null;
        try
        {
            return InputTokens.Of(counter, body, takesNumbers: kind is "completions" or "embeddings");
        }
        catch (Exception problem) when (problem is JsonException or InvalidOperationException)
        {
            return null;
        }
    }
}

/// <param name="Tokens">Of the texts, each by itself.</param>
/// <param name="Allowance">What the provider may put around and between them, at most.</param>
internal readonly record struct InputCount(long Tokens, long Allowance);
