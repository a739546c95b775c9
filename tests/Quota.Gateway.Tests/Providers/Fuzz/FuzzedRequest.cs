using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.Http;
using Quota.Gateway.Providers;
using Quota.Gateway.Tests.Providers.OpenAi;

namespace Quota.Gateway.Tests.Providers.Fuzz;

/// <summary>A request that its adapter takes.</summary>
internal sealed record FuzzedRequest(string Protocol, string Route, byte[] Body, string? Model = null, string Query = "", string ContentType = "application/json")
{
    private const string Picture = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

    private const string Chat = $$$$$$"""{"model":"gpt-4o-mini","messages":[{"role":"system","content":"be brief"},{"role":"user","content":[{"type":"text","text":"h\u00e9llo \"you\" ünd"},{"type":"image_url","image_url":{"url":"data:image/png;base64,{{{{{{Picture}}}}}}","detail":"low"}}]}],"n":2,"stream":true,"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{"a":{"type":"string"}}}}}]}""";
    private const string Plain = """{"model":"gpt-4o-mini","messages":[{"role":"user","content":"one two three"}],"max_completion_tokens":50,"stream":true,"stream_options":{"include_usage":true},"temperature":0.5}""";
    private const string Responses = """{"model":"gpt-4o-mini","input":[{"role":"user","content":[{"type":"input_text","text":"one two"}]}],"max_output_tokens":64,"tools":[{"type":"function","name":"f","parameters":{}}],"stream":true,"store":false}""";
    private const string Messages = """{"model":"claude-x","max_tokens":64,"system":[{"type":"text","text":"be brief","cache_control":{"type":"ephemeral","ttl":"1h"}}],"messages":[{"role":"user","content":[{"type":"text","text":"one two"}]}],"tools":[{"name":"f","input_schema":{"type":"object"}}],"stream":true}""";
    private const string Gemini = $$$$"""{"systemInstruction":{"parts":[{"text":"be brief"}]},"contents":[{"role":"user","parts":[{"text":"one two"},{"inlineData":{"mimeType":"image/png","data":"{{{{Picture}}}}"}}]}],"generationConfig":{"topP":0.9,"candidateCount":2,"thinkingConfig":{"thinkingBudget":100}}}""";
    private const string Converse = """{"system":[{"text":"be brief"},{"cachePoint":{"type":"default","ttl":"1h"}}],"messages":[{"role":"user","content":[{"text":"one two"}]}],"inferenceConfig":{"temperature":0.5},"additionalModelRequestFields":{"top_k":5},"toolConfig":{"tools":[{"toolSpec":{"name":"a","inputSchema":{"json":{}}}}]}}""";
    private const string Ollama = """{"model":"llama3.2","messages":[{"role":"user","content":"one two","images":[]}],"options":{"num_predict":40,"temperature":0.1},"stream":true,"keep_alive":"5m"}""";

    public static IReadOnlyList<FuzzedRequest> All { get; } =
    [
        Json("openai", "/v1/chat/completions", Chat), Json("openai", "/v1/chat/completions", Plain), Json("openai", "/v1/responses", Responses),
        Json("openai", "/v1/embeddings", """{"model":"text-embedding-3-small","input":["one two",[1,2,3]],"dimensions":256}"""),
        Json("openai", "/v1/completions", """{"model":"gpt-3.5-turbo-instruct","prompt":["one","two"],"max_tokens":20,"n":2,"best_of":3,"stream":false}"""),
        Json("openai", "/v1/images/generations", """{"model":"dall-e-3","prompt":"a cat","n":1,"size":"1024x1024"}"""),
        Json("openai", "/v1/audio/speech", """{"model":"tts-1","input":"say this aloud","voice":"alloy"}"""),
        new("openai", "/v1/audio/transcriptions", Forms.Of(("model", "whisper-1"), ("response_format", "json"), ("@file", Encoding.Latin1.GetString(Forms.Wav(0)))), ContentType: Forms.ContentType),
        new("openai", "/v1/images/edits", Forms.Of(("model", "gpt-image-1"), ("prompt", "a cat"), ("n", "2"), ("@image", "x")), ContentType: Forms.ContentType),
        Json("azure", "/openai/deployments/{model}/chat/completions", Chat, "gpt-4o-mini", "?api-version=2024-10-21"), Json("azure", "/openai/v1/responses", Responses),
        Json("azure", "/openai/deployments/{model}/chat/completions", Plain.Replace(",\"stream_options\":{\"include_usage\":true}", "", StringComparison.Ordinal), "gpt-4o-mini", "?api-version=2023-05-15"),
        Json("anthropic", "/v1/messages", Messages),
        Json("gemini", "/v1beta/models/{model}:generateContent", Gemini, "gemini-2.5-flash"), Json("gemini", "/v1beta/models/{model}:streamGenerateContent", Gemini, "gemini-2.5-flash", "?alt=sse"),
        Json("gemini", "/v1beta/models/{model}:embedContent", """{"model":"models/gemini-embedding-001","content":{"parts":[{"text":"one two three"}]}}""", "gemini-embedding-001"),
        Json("gemini", "/v1beta/models/{model}:batchEmbedContents", """{"requests":[{"model":"models/gemini-embedding-001","content":{"parts":[{"text":"one"}]}}]}""", "gemini-embedding-001"),
        Json("bedrock", "/model/{model}/converse", Converse, "amazon.nova-lite-v1:0"), Json("bedrock", "/model/{model}/converse-stream", Converse, "amazon.nova-lite-v1:0"),
        Json("bedrock", "/model/{model}/invoke", """{"anthropic_version":"bedrock-2023-05-31","max_tokens":64,"messages":[{"role":"user","content":"one"}]}""", "anthropic.claude-sonnet-4-5-20250929-v1:0"),
        Json("bedrock", "/model/{model}/invoke", """{"inputText":"a","textGenerationConfig":{"topP":1,"maxTokenCount":9}}""", "amazon.titan-text-express-v1"),
        Json("bedrock", "/model/{model}/invoke-with-response-stream", """{"prompt":"a b","temperature":0.5}""", "meta.llama3-8b-instruct-v1:0"),
        Json("bedrock", "/model/{model}/invoke", """{"texts":["a","b"],"input_type":"search_document"}""", "cohere.embed-multilingual-v3"),
        Json("ollama", "/api/chat", Ollama), Json("ollama", "/api/generate", """{"model":"llama3.2","prompt":"one two","options":{"num_ctx":4096}}"""), Json("ollama", "/api/embed", """{"model":"llama3.2","input":["one","two"]}"""),
    ];

    public IProviderAdapter Adapter => FuzzedAnswer.Adapters.Single(it => it.Protocol == Protocol);

    public ProviderRoute Target => Adapter.Routes.Single(it => it.Template == Route);

    public bool IsForm => ContentType != "application/json";

    public RequestReading Read(byte[] body) => Adapter.ReadRequest(new CallTarget(Target, Model, Query), body, new HeaderDictionary { ["Content-Type"] = ContentType, ["Content-Length"] = body.Length.ToString(CultureInfo.InvariantCulture) });

    public override string ToString() => $"{Protocol} {Route} {Model}";

    private static FuzzedRequest Json(string protocol, string route, string body, string? model = null, string query = "") => new(protocol, route, Encoding.UTF8.GetBytes(body), model, query);
}
