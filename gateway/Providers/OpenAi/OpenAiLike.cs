using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Quota.Gateway.Providers.OpenAi;

/// <summary>How a provider that speaks OpenAI's grammar differs from OpenAI. One line each; who is not here is taken to be as OpenAI is.</summary>
/// <param name="Provider">The word in prices and events.</param>
/// <param name="BoundField">What it calls the output bound of a chat.</param>
/// <param name="AsksForUsage">Whether a stream tells usage only when asked by <c>stream_options.include_usage</c>.</param>
internal sealed record OpenAiLike(string Provider, string BoundField = OpenAiLike.Bound, bool AsksForUsage = true)
{
    private const string Bound = "max_completion_tokens", OldBound = "max_tokens";

    // From each provider's reference of chat completions. What they do when a client goes away is in Disconnects.
    private static readonly OpenAiLike[] All =
    [
        new("openai"),
        new("mistral", OldBound, AsksForUsage: false) { Usage = OpenAiLikeUsage.Mistral },   // refuses max_completion_tokens (422, extra_forbidden)
        new("groq", AsksForUsage: false) { UsageInside = "x_groq" },
        new("deepseek", OldBound) { Usage = OpenAiLikeUsage.DeepSeek },   // does not even look at max_completion_tokens
        new("xai") { Cost = OpenAiLikeUsage.XaiCost },
        new("openrouter", OldBound, AsksForUsage: false) { Usage = OpenAiLikeUsage.OpenRouter, Cost = OpenAiLikeUsage.OpenRouterCost },
        new("together_ai", OldBound),
        new("fireworks_ai", OldBound, AsksForUsage: false),   // usage stands in the chunk with finish_reason, unasked
        new("cerebras"),
        new("perplexity", OldBound, AsksForUsage: false) { Usage = OpenAiLikeUsage.Perplexity, Cost = OpenAiLikeUsage.PerplexityCost },   // running totals in every chunk
        new("vllm"),
        new("ollama", OldBound),   // docs.ollama.com/api/openai-compatibility: max_tokens only
    ];

    /// <summary>The counts of its usage object.</summary>
    public JsonUsage.ParseUsage Usage { get; init; } = ChatUsage.Parse;

    /// <summary>What its usage object says that the call cost; null where it says nothing.</summary>
    public JsonUsage.ParseCost? Cost { get; init; }

    /// <summary>The object of a streamed chunk in which usage stands when it does not stand in the chunk itself.</summary>
    public string? UsageInside { get; init; }

    public static OpenAiLike Of(string provider) => Array.Find(All, like => like.Provider == provider) ?? All[0];

    /// <summary>The request in this provider's words.</summary>
    public ProviderRequest Prepare(ProviderRequest request)
    {
        if (AsksForUsage)
            request = request.AskingForUsage();
        if (BoundField == Bound)
            return request;
        return request.BoundPlace is { } place
            ? request with { BoundPlace = request.OldBoundPlace ?? place with { Before = place.Before.Replace(Bound, BoundField, StringComparison.Ordinal) } }
            : request.OutputBound is > 0 ? Bounding(request) : request;
    }

    /// <summary>The request whose bound, which the client named in OpenAI's newer word alone, stands in the older: what was held for would not hold otherwise.</summary>
    private static ProviderRequest Bounding(ProviderRequest request)
    {
        var body = request.Body.Original.Span;
        if (body.TrimStart(" \t\r\n"u8) is not [(byte)'{', ..])
            return request;   // a form
        var json = new Utf8JsonReader(body);
        (BodyRange? newName, BodyRange? nullValue, var isNamed) = (null, null, false);
        json.Read();
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            var (isNew, isOld, name) = (json.ValueTextEquals(Bound), json.ValueTextEquals(OldBound), BodyRange.Of(json));
            json.Read();
            if (isNew && json.TokenType == JsonTokenType.Number)
                newName = name with { Length = Bound.Length + 2 };
            isNamed |= isOld && json.TokenType == JsonTokenType.Number;
            nullValue ??= isOld && json.TokenType == JsonTokenType.Null ? BodyRange.Of(json) : null;
            json.Skip();
        }
        if (newName is not { } at || isNamed)
            return request;
        var edit = nullValue is { } empty
            ? new BodyEdit(empty.At, empty.Length, Encoding.ASCII.GetBytes(request.OutputBound!.Value.ToString(CultureInfo.InvariantCulture)))
            : new BodyEdit(at.At, at.Length, Encoding.ASCII.GetBytes($"\"{OldBound}\""));
        return request with { Body = request.Body.With(edit) };
    }
}
