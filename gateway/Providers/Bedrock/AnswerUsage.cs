using System.Globalization;
using System.Net.Http.Headers;
using System.Text.Json;
using Quota.Gateway.Providers.Anthropic;
using Quota.Gateway.Providers.OpenAi;
using Quota.Shared.Usage;

namespace Quota.Gateway.Providers.Bedrock;

/// <summary>
/// Usage of an answer that is one JSON object. Converse has <c>usage</c>; an invoked model's body may have its own maker's, which tells more than the
/// headers <c>x-amzn-bedrock-{input,output,cache-read-input,cache-write-input}-token-count</c>, which most models have.
/// </summary>
/// <param name="isEmbedding">There is no output, and so nothing that tells it.</param>
internal sealed class AnswerUsage(bool isEmbedding)
    : WholeUsage("usage", "model", "serviceTier", "performanceConfig", "inputTextTokenCount", "prompt_token_count", "generation_token_count")
{
    private const string Header = "x-amzn-bedrock-";
    private static readonly string[] Counts = ["input", "output", "cache-read-input", "cache-write-input"];
    private static readonly string[] Names = ["inputTokenCount", "outputTokenCount", "cacheReadInputTokenCount", "cacheWriteInputTokenCount"];

    public override long OutputBytes => isEmbedding ? 0 : base.OutputBytes;

    public override void Answered(HttpResponseHeaders headers)
    {
        var counts = Array.ConvertAll(Counts, count => Number(headers, $"{Header}{count}-token-count"));
        if (isEmbedding)
            counts[1] ??= 0;
        Take(counts);
        ServiceTier = BedrockTier.Served(Text(headers, Header + "service-tier"), Text(headers, Header + "performanceconfig-latency"));
    }

    protected override void Read()
    {
        ResponseModel = ModelName.Parse(Value("model"));
        ServiceTier = BedrockTier.Served(Word("serviceTier", "type"), Word("performanceConfig", "latency")) ?? ServiceTier;
        if (Value("usage") is { } raw && (BedrockUsage.Parse(raw) ?? MessagesUsage.Parse(raw)?.Counts ?? ChatUsage.Parse(raw)) is { } usage)
            (Usage, UsageRaw) = (usage, raw);
        else if (Usage is null)
            Take([Count("inputTextTokenCount") ?? Count("prompt_token_count"), isEmbedding ? 0 : Count("generation_token_count"), null, null]);   // Titan's embeddings, Llama
    }

    /// <summary>A word in an object; null also for text that cannot be read.</summary>
    private string? Word(string name, string field)
    {
        try
        {
            return BedrockTier.Word(Parsed(name), field);
        }
        catch (InvalidOperationException)
        {
            return null;
        }
    }

    /// <summary>Counts in the order of <see cref="Names"/>; without input or output they say nothing.</summary>
    private void Take(long?[] counts)
    {
        if (counts[0] is null || counts[1] is null)
            return;
        UsageRaw = JsonText.Of(json =>
        {
            foreach (var (name, count) in Names.Zip(counts))
            {
                if (count is { } number)
                    json.WriteNumber(name, number);
            }
        });
        Usage = BedrockUsage.Parse(UsageRaw);
    }

    private JsonElement Parsed(string field)
    {
        var json = new Utf8JsonReader(Value(field));
        try
        {
            return JsonElement.TryParseValue(ref json, out var value) ? value.Value : default;
        }
        catch (JsonException)
        {
            return default;
        }
    }

    private long? Count(string field) => Parsed(field) is { ValueKind: JsonValueKind.Number } value && value.TryGetInt64(out var count) ? count : null;

    private static long? Number(HttpResponseHeaders headers, string name) => long.TryParse(Text(headers, name), NumberStyles.None, CultureInfo.InvariantCulture, out var count) ? count : null;

    private static string? Text(HttpResponseHeaders headers, string name) => headers.NonValidated.TryGetValues(name, out var values) && values.Count == 1 ? values.ToString() : null;
}
