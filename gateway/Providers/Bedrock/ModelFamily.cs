namespace Quota.Gateway.Providers.Bedrock;

/// <summary>
/// The grammar of an invoked model's body, as far as it bounds the call (docs.aws.amazon.com/bedrock/latest/userguide/model-parameters.html). Anthropic's
/// is told by its body and is not here. A model that is not here (one that makes images or video, or ranks) is billed in units that are not metered.
/// To add another: a line in <see cref="All"/>.
/// </summary>
/// <param name="Names">Parts of the names of its models.</param>
/// <param name="Group">The object in the body that has the output bound; null for the body itself.</param>
/// <param name="Bounds">The field of the output bound, the one that is put in first; none where there is no output.</param>
/// <param name="Ending">What its last chunk says of an answer that reached its bound: fields of an object. Null where that takes several chunks.</param>
internal sealed record ModelFamily(string[] Names, string? Group, string[] Bounds, string? Ending)
{
    private const string Choice = """
        "choices":[{"index":0,"delta":{},"finish_reason":"length"}]
        """;

    /// <summary>Converse has one grammar for all models.</summary>
    public static readonly ModelFamily Converse = new([], "inferenceConfig", ["maxTokens"], null);

    private static readonly ModelFamily[] All =
    [
        new(["amazon.nova-micro", "amazon.nova-lite", "amazon.nova-pro", "amazon.nova-premier", "amazon.nova-2-lite", "amazon.nova-2-pro"], "inferenceConfig", ["maxTokens", "max_new_tokens"], null),
        new(["amazon.titan-text"], "textGenerationConfig", ["maxTokenCount"], """
            "outputText":"","index":0,"completionReason":"LENGTH"
            """),
        new(["amazon.titan-embed-text", "amazon.titan-embed-g1-text", "cohere.embed"], null, [], null),
        new(["meta.llama"], null, ["max_gen_len"], """
            "generation":"","stop_reason":"length"
            """),
        new(["mistral."], null, ["max_tokens"], """
            "outputs":[{"text":"","stop_reason":"length"}]
            """),
        new(["cohere.command"], null, ["max_tokens"], """
            "is_finished":true,"event_type":"stream-end","finish_reason":"MAX_TOKENS"
            """),
        new(["openai.gpt-oss"], null, ["max_completion_tokens", "max_tokens"], Choice),
        new(["ai21.jamba", "deepseek.", "qwen."], null, ["max_tokens", "max_completion_tokens"], Choice),
    ];

    /// <summary>Every name that some model has for its output bound, and for how many answers it makes.</summary>
    private static readonly string[] AllBounds = ["maxTokens", "max_new_tokens", "max_tokens", "max_completion_tokens", "max_tokens_to_sample", "max_gen_len", "maxTokenCount"];
    private static readonly string[] Numbers = ["n", "num_generations"];

    public bool IsEmbedding => Bounds.Length == 0;

    public static bool IsBound(string field) => Array.IndexOf(AllBounds, field) >= 0;

    public static bool IsNumber(string field) => Array.IndexOf(Numbers, field) >= 0;

    /// <summary>By the model's name, also where that is a part of a longer one; null when it says nothing, as the name of an application's own profile.</summary>
    public static ModelFamily? Of(string model) => Array.Find(All, family => Array.Exists(family.Names, name => model.Contains(name, StringComparison.Ordinal)));
}
