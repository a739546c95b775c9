using System.Text;
using Microsoft.AspNetCore.Http;
using Quota.Gateway.Providers;
using Quota.Gateway.Providers.Bedrock;

namespace Quota.Gateway.Tests.Providers.Bedrock;

/// <summary>What a call of Bedrock Runtime is bounded by, and what it may not ask.</summary>
public sealed class RequestReaderTests
{
    private const string Arn = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc123";
    private const string Hello = "\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"hello\"}]}]";

    [Fact]
    public void Converse_says_what_bounds_it()
    {
        var request = Converse($$$"""{{{{Hello}}},"inferenceConfig":{"temperature":0.5,"maxTokens":64},"requestMetadata":{"image":"no image"}}""");
        (request.Model, request.Stream, request.OutputBound, request.Choices, request.AddedTokens).ShouldBe(("amazon.nova-lite-v1:0", false, 64, 1, 0));
        (request.HasMedia, request.WritesCache, request.WritesCacheForAnHour, request.ServiceTier, request.ModelAt).ShouldBe((false, false, false, null, null));
        request.BodyWith(null).Edits.IsEmpty.ShouldBeTrue();   // sent as it came
        Converse($"{{{Hello}}}", stream: true).Stream.ShouldBeTrue();
    }

    [Theory]
    [InlineData("{MESSAGES}", """{"inferenceConfig":{"maxTokens":7},MESSAGES}""")]
    [InlineData("""{MESSAGES,"inferenceConfig":{"topP":1}}""", """{MESSAGES,"inferenceConfig":{"maxTokens":7,"topP":1}}""")]
    [InlineData("""{MESSAGES,"inferenceConfig":{}}""", """{MESSAGES,"inferenceConfig":{"maxTokens":7}}""")]
    [InlineData("""{MESSAGES,"inferenceConfig":null}""", """{MESSAGES,"inferenceConfig":{"maxTokens":7}}""")]
    [InlineData("""{"inferenceConfig":{"topP":1,"maxTokens":null},MESSAGES}""", """{"inferenceConfig":{"topP":1,"maxTokens":7},MESSAGES}""")]
    [InlineData("{}", """{"inferenceConfig":{"maxTokens":7}}""")]
    public void A_bound_goes_where_converse_has_it(string body, string sent) =>
        Sent(Converse(body.Replace("MESSAGES", Hello, StringComparison.Ordinal))).ShouldBe(sent.Replace("MESSAGES", Hello, StringComparison.Ordinal));

    [Theory]
    [InlineData("amazon.nova-pro-v1:0", """{"schemaVersion":"messages-v1"}""", """{"inferenceConfig":{"maxTokens":7},"schemaVersion":"messages-v1"}""")]
    [InlineData("amazon.titan-text-express-v1", """{"inputText":"a","textGenerationConfig":{"topP":1}}""", """{"inputText":"a","textGenerationConfig":{"maxTokenCount":7,"topP":1}}""")]
    [InlineData("us.meta.llama3-1-8b-instruct-v1:0", """{"prompt":"a"}""", """{"max_gen_len":7,"prompt":"a"}""")]
    [InlineData("mistral.mistral-large-2402-v1:0", """{"prompt":"a"}""", """{"max_tokens":7,"prompt":"a"}""")]
    [InlineData("cohere.command-r-v1:0", """{"message":"a"}""", """{"max_tokens":7,"message":"a"}""")]
    [InlineData("openai.gpt-oss-20b-1:0", """{"messages":[]}""", """{"max_completion_tokens":7,"messages":[]}""")]
    public void And_where_an_invoked_model_has_it(string model, string body, string sent) => Sent(Invoke(body, model)).ShouldBe(sent);

    [Theory]
    [InlineData("amazon.nova-pro-v1:0", """{"inferenceConfig":{"max_new_tokens":9}}""", 9, 1)]
    [InlineData("amazon.titan-text-express-v1", """{"textGenerationConfig":{"maxTokenCount":9}}""", 9, 1)]
    [InlineData("arn:aws:bedrock:us-east-1::foundation-model/meta.llama3-8b-instruct-v1:0", """{"max_gen_len":9}""", 9, 1)]
    [InlineData("cohere.command-text-v14", """{"max_tokens":9,"num_generations":3}""", 9, 3)]
    [InlineData("ai21.jamba-1-5-mini-v1:0", """{"max_tokens":9,"n":2}""", 9, 2)]
    [InlineData("amazon.titan-embed-text-v2:0", """{"inputText":"a"}""", 0, 1)]
    [InlineData("cohere.embed-multilingual-v3", """{"texts":["a"],"max_tokens":512}""", 0, 1)]
    public void An_invoked_models_own_bound_is_known(string model, string body, long bound, long choices)
    {
        var request = Invoke(body, model);
        (request.OutputBound, request.Choices, request.BoundPlace).ShouldBe((bound, choices, null));
    }

    [Theory]
    [InlineData("anthropic.claude-sonnet-4-5-20250929-v1:0")]
    [InlineData(Arn)]   // the body tells
    public void Anthropics_body_is_read_by_anthropics_rules(string model)
    {
        const string body = """{"anthropic_version":"bedrock-2023-05-31","max_tokens":64,"thinking":{"type":"enabled","budget_tokens":9000},"system":[{"type":"text","text":"a","cache_control":{"type":"ephemeral","ttl":"1h"}}],"messages":[]}""";
        var request = Invoke(body, model, stream: true);
        (request.Model, request.Stream, request.OutputBound, request.WritesCacheForAnHour, request.ModelAt).ShouldBe((model, true, 9000, true, null));
        Encoding.UTF8.GetString(request.Body.Original.Span).ShouldBe(body);
        request.InputBytes.ShouldBe(body.Length);
    }

    [Fact]
    public void What_bytes_do_not_bound_and_what_is_cached()
    {
        var image = Converse("""{"messages":[{"role":"user","content":[{"image":{"format":"png","source":{"bytes":"AA=="}}},{"toolResult":{"toolUseId":"t","content":[{"image":{}}]}}]}]}""");
        (image.HasMedia, image.Images).ShouldBe((true, 2));
        Converse("""{"messages":[{"role":"user","content":[{"document":{"format":"pdf","name":"a","source":{}}}]}]}""").HasMedia.ShouldBeTrue();
        Converse("""{"messages":[{"role":"user","content":[{"video":{"source":{"s3Location":{"uri":"s3://a/b"}}}}]}]}""").HasMedia.ShouldBeTrue();
        var cached = Converse("""{"system":[{"text":"a"},{"cachePoint":{"type":"default"}}],"messages":[]}""");
        (cached.WritesCache, cached.WritesCacheForAnHour).ShouldBe((true, false));
        var hour = Converse("""{"toolConfig":{"tools":[{"toolSpec":{"name":"a","inputSchema":{"json":{}}}},{"cachePoint":{"type":"default","ttl":"1h"}}]},"messages":[]}""");
        (hour.WritesCache, hour.WritesCacheForAnHour, hour.AddedTokens).ShouldBe((true, true, 1000));
    }

    [Fact]
    public void Additional_fields_may_raise_the_bound()
    {
        var request = Converse("""{"messages":[],"inferenceConfig":{"maxTokens":64},"additionalModelRequestFields":{"top_k":5,"thinking":{"type":"enabled","budget_tokens":4000},"inferenceConfig":{"topK":20}}}""");
        request.OutputBound.ShouldBe(4000);
        (request.WritesCache, request.HasMedia, request.AddedTokens).ShouldBe((false, false, 0));
        Converse("""{"messages":[],"inferenceConfig":{"maxTokens":64},"additionalModelRequestFields":null}""").OutputBound.ShouldBe(64);
        var more = Converse("""{"messages":[],"additionalModelRequestFields":{"tools":[{"name":"a","input_schema":{},"cache_control":{"type":"ephemeral","ttl":"1h"}}],"system":[{"type":"image"}]}}""");
        (more.WritesCache, more.WritesCacheForAnHour, more.HasMedia, more.AddedTokens).ShouldBe((true, true, true, 1000));
    }

    [Theory]
    [InlineData("""{"messages":[],"serviceTier":{"type":"flex"}}""", null, null, "flex")]
    [InlineData("""{"messages":[],"serviceTier":{"type":"default"},"performanceConfig":{"latency":"standard"}}""", null, null, null)]
    [InlineData("""{"messages":[],"performanceConfig":{"latency":"optimized"}}""", null, null, "optimized")]
    [InlineData("""{"messages":[]}""", "X-Amzn-Bedrock-Service-Tier", "priority", "priority")]
    [InlineData("""{"messages":[]}""", "X-Amzn-Bedrock-PerformanceConfig-Latency", "optimized", "optimized")]
    public void A_tier_is_asked_for_by_body_or_header(string body, string? header, string? value, string? tier)
    {
        var headers = new HeaderDictionary();
        if (header is not null)
            headers[header] = value;
        Read("/converse", "amazon.nova-lite-v1:0", body, headers).Request.ShouldNotBeNull().ServiceTier.ShouldBe(tier);
    }

    [Theory]
    [InlineData("{", null, "not valid JSON")]
    [InlineData("[]", null, "must be a JSON object")]
    [InlineData("""{"inferenceConfig":{},"inferenceConfig":{}}""", "inferenceConfig", "twice")]
    [InlineData("""{"inferenceConfig":{"maxTokens":1,"maxTokens":9}}""", "maxTokens", "twice")]
    [InlineData("""{"inferenceConfig":{"maxTokens":0}}""", "maxTokens", "whole number")]
    [InlineData("""{"inferenceConfig":{"maxTokens":1.5}}""", "maxTokens", "whole number")]
    [InlineData("""{"inferenceConfig":[]}""", "inferenceConfig", "object")]
    [InlineData("""{"max_tokens":5}""", "max_tokens", "inferenceConfig.maxTokens")]
    [InlineData("""{"guardrailConfig":{"guardrailIdentifier":"g"}}""", "guardrailConfig", "not metered")]
    [InlineData("""{"toolConfig":{"tools":[{"systemTool":{"name":"nova_grounding"}}]}}""", "toolConfig.tools", "systemTool")]
    [InlineData("""{"additionalModelRequestFields":{"max_tokens":100000}}""", "additionalModelRequestFields.max_tokens", "inferenceConfig.maxTokens")]
    [InlineData("""{"additionalModelRequestFields":{"inferenceConfig":{"max_new_tokens":100000}}}""", "additionalModelRequestFields.max_new_tokens", "inferenceConfig.maxTokens")]
    [InlineData("""{"additionalModelRequestFields":{"n":4}}""", "additionalModelRequestFields.n", "one answer")]
    [InlineData("""{"additionalModelRequestFields":{"tools":[{"type":"web_search_20250305","name":"web_search"}]}}""", "additionalModelRequestFields.tools", "web_search")]
    [InlineData("""{"additionalModelRequestFields":{"anthropic_beta":["a","context-1m-2025-08-07"]}}""", "additionalModelRequestFields.anthropic-beta", "context-1m")]
    [InlineData("""{"additionalModelRequestFields":"x"}""", "additionalModelRequestFields", "JSON object")]
    [InlineData("""{"serviceTier":{"type":"priority"},"performanceConfig":{"latency":"optimized"}}""", "performanceConfig", "one of them")]
    [InlineData("""{"serviceTier":{"type":"priority"},"serviceTier":{"type":"default"}}""", "serviceTier", "twice")]
    public void Converse_refuses_by_name(string body, string? field, string why) => Refused(Read("/converse", "amazon.nova-lite-v1:0", body), field, why);

    [Theory]
    [InlineData("meta.llama3-8b-instruct-v1:0", """{"max_tokens":5}""", "max_tokens", "max_gen_len")]
    [InlineData("mistral.mistral-large-2402-v1:0", """{"max_tokens":5,"max_tokens":6}""", "max_tokens", "twice")]
    [InlineData("openai.gpt-oss-20b-1:0", """{"service_tier":"flex"}""", "service_tier", "X-Amzn-Bedrock-Service-Tier")]
    [InlineData("cohere.command-text-v14", """{"num_generations":1000}""", "num_generations", "128")]
    [InlineData("cohere.embed-english-v3", """{"images":["data:image/png;base64,AA=="]}""", "images", "not metered")]
    [InlineData("amazon.nova-canvas-v1:0", """{"taskType":"TEXT_IMAGE"}""", "modelId", "/converse")]
    [InlineData("stability.sd3-5-large-v1:0", """{"prompt":"a"}""", "modelId", "/converse")]
    [InlineData("cohere.rerank-v3-5:0", """{"query":"a"}""", "modelId", "/converse")]
    [InlineData(Arn, """{"prompt":"a","max_tokens":5}""", "modelId", "/converse")]
    [InlineData("anthropic.claude-3-haiku-20240307-v1:0", """{"anthropic_version":"bedrock-2023-05-31","messages":[]}""", "max_tokens", "required")]
    [InlineData("anthropic.claude-3-haiku-20240307-v1:0", """{"anthropic_version":"bedrock-2023-05-31","max_tokens":5,"model":"claude"}""", "model", "path")]
    [InlineData("anthropic.claude-3-haiku-20240307-v1:0", """{"max_tokens":5,"anthropic_beta":["context-1m-2025-08-07"]}""", "anthropic-beta", "context-1m")]
    [InlineData("anthropic.claude-3-haiku-20240307-v1:0", """{"max_tokens":5,"anthropic_beta":["a","c\u006fntext-1m-2025-08-07"]}""", "anthropic-beta", "context-1m")]
    [InlineData("anthropic.claude-3-haiku-20240307-v1:0", """{"max_tokens":5,"max_tokens":50}""", "max_tokens", "twice")]
    [InlineData("anthropic.claude-3-haiku-20240307-v1:0", "{\"max_tokens\":5", null, "not valid JSON")]
    [InlineData("anthropic.claude-3-haiku-20240307-v1:0", "{}", "max_tokens", "required")]
    public void An_invoked_model_refuses_by_name(string model, string body, string? field, string why) => Refused(Read("/invoke", model, body), field, why);

    [Fact]
    public void Guardrails_and_stored_prompts_are_refused_whatever_the_body()
    {
        Refused(Read("/invoke", "meta.llama3-8b-instruct-v1:0", "{}", new HeaderDictionary { ["X-Amzn-Bedrock-GuardrailIdentifier"] = "g" }), "X-Amzn-Bedrock-GuardrailIdentifier", "not metered");
        Refused(Read("/converse", "arn:aws:bedrock:us-east-1:123456789012:prompt/PROMPT1:1", "{}"), "modelId", "stored prompt");
        Refused(Read("/converse", "a\nb", "{}"), "modelId", "control characters");
    }

    private static ProviderRequest Converse(string body, bool stream = false) => Read(stream ? "/converse-stream" : "/converse", "amazon.nova-lite-v1:0", body).Request.ShouldNotBeNull();

    private static ProviderRequest Invoke(string body, string model, bool stream = false) => Read(stream ? "/invoke-with-response-stream" : "/invoke", model, body).Request.ShouldNotBeNull();

    private static RequestReading Read(string operation, string model, string body, HeaderDictionary? headers = null) =>
        RequestReader.Read(new CallTarget(BedrockRoutes.All.Single(route => route.Template == "/model/{model}" + operation), model), Encoding.UTF8.GetBytes(body), headers ?? []);

    private static void Refused(RequestReading reading, string? field, string why)
    {
        var refusal = reading.Refusal.ShouldBeOfType<Refusal.BadRequest>();
        refusal.Parameter.ShouldBe(field);
        refusal.Message.ShouldContain(why);
    }

    private static string Sent(ProviderRequest request)
    {
        request.OutputBound.ShouldBeNull();
        using var sent = new StreamReader(request.BodyWith(7).OpenRead());
        return sent.ReadToEnd();
    }
}
