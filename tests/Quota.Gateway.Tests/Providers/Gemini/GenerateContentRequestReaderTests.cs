using System.Text;
using Microsoft.AspNetCore.Http;
using Quota.Gateway.Providers;
using Quota.Gateway.Providers.Gemini;

namespace Quota.Gateway.Tests.Providers.Gemini;

/// <summary>What a request for content is bounded by, where a bound goes, and what it may not ask.</summary>
public sealed class GenerateContentRequestReaderTests
{
    private const string Hello = "\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hello\"}]}]";
    private static readonly GeminiAdapter Adapter = new();

    [Theory]
    [InlineData("generationConfig", "maxOutputTokens", "candidateCount")]
    [InlineData("generation_config", "max_output_tokens", "candidate_count")]
    public void It_says_what_bounds_the_call_in_both_spellings(string config, string most, string count)
    {
        var request = Read($$"""{{{Hello}},"{{config}}":{"{{most}}":64,"{{count}}":3,"thinkingConfig":{"thinkingBudget":9000} } }""");
        (request.Model, request.Stream, request.OutputBound, request.Choices).ShouldBe(("gemini-2.5-flash", true, 64, 3));   // thoughts count against the bound
        (request.HasMedia, request.HasAudio, request.HasImages, request.ModelAt, request.BoundPlace, request.ServiceTier).ShouldBe((false, false, false, null, null, null));
        request.InputBytes.ShouldBe(request.Body.Length);
        Read($"{{{Hello}}}", ":generateContent").Stream.ShouldBeFalse();
    }

    [Theory]
    [InlineData("{H}", """{H,"generationConfig":{"maxOutputTokens":9}}""")]
    [InlineData("""{"generationConfig":null,H}""", """{"generationConfig":{"maxOutputTokens":9},H}""")]
    [InlineData("""{"generation_config": null ,H}""", """{"generationConfig":{"maxOutputTokens":9} ,H}""")]
    [InlineData("""{"generationConfig":{ },H}""", """{"generationConfig":{"maxOutputTokens":9 },H}""")]
    [InlineData("""{"generationConfig":{"topP":0.9},H}""", """{"generationConfig":{"maxOutputTokens":9,"topP":0.9},H}""")]
    [InlineData("""{"generationConfig":{"topP":0.9,"max_output_tokens":null},H}""", """{"generationConfig":{"topP":0.9,"maxOutputTokens":9},H}""")]
    public void A_bound_is_put_in_where_there_is_none(string body, string sent)
    {
        using var stream = new StreamReader(Read(body.Replace("H", Hello, StringComparison.Ordinal)).BodyWith(9).OpenRead());
        stream.ReadToEnd().ShouldBe(sent.Replace("H", Hello, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("""[{"inlineData":{"mimeType":"image/png","data":"x"}},{"inline_data":{"data":"x","mime_type":"image/jpeg"}}]""", 2, false, true)]
    [InlineData("""[{"inlineData":{"mimeType":"audio/mp3","data":"x"}}]""", 0, true, false)]
    [InlineData("""[{"fileData":{"mimeType":"application/pdf","fileUri":"files/a"}}]""", 0, false, true)]
    [InlineData("""[{"fileData":{"mimeType":"video/mp4","fileUri":"files/a"}}]""", 0, true, true)]
    [InlineData("""[{"file_data":{"file_uri":"https://youtu.be/a"}}]""", 0, true, true)]
    [InlineData("""[{"inlineData":{"mimeType":"image/png","mimeType":"audio/mp3","data":"x"}}]""", 0, true, true)]
    [InlineData("""[{"functionResponse":{"name":"f","response":{},"parts":[{"inlineData":{"mimeType":"image/png","data":"x"}}]}}]""", 1, false, true)]
    public void Media_is_not_bounded_by_bytes(string parts, int images, bool hasAudio, bool hasImages)
    {
        var request = Read($$"""{"contents":[{"parts":{{parts}}}]}""");
        (request.HasMedia, request.Images, request.HasAudio, request.HasImages).ShouldBe((true, images, hasAudio, hasImages));
        Read($$"""{"systemInstruction":{"parts":{{parts}}},{{Hello}}}""").HasMedia.ShouldBeTrue();
    }

    [Theory]
    [InlineData("\"cachedContent\":\"cachedContents/a\"", true)]
    [InlineData("\"cached_content\":\"cachedContents/a\"", true)]
    [InlineData("\"cachedContent\":null", false)]
    [InlineData("\"continuationToken\":\"abc\"", true)]
    [InlineData("\"tools\":[{\"computerUse\":{\"environment\":\"ENVIRONMENT_BROWSER\"}}]", true)]
    [InlineData("\"tools\":[{\"functionDeclarations\":[{\"name\":\"googleSearch\",\"parameters\":{\"properties\":{\"googleSearch\":{},\"inlineData\":{}}}}]}]", false)]
    [InlineData("\"tools\":[{\"function_declarations\":[],\"googleSearch\":null}]", false)]
    [InlineData("\"safetySettings\":[],\"store\":false", false)]
    public void What_is_kept_at_google_is_input_too(string field, bool isUnbounded) => Read($"{{{field},{Hello}}}").HasMedia.ShouldBe(isUnbounded);

    [Theory]
    [InlineData("""{"responseModalities":["TEXT","IMAGE"]}""", false, true)]
    [InlineData("""{"response_modalities":["Audio"]}""", true, false)]
    [InlineData("""{"speechConfig":{"voiceConfig":{}}}""", true, false)]
    [InlineData("""{"responseModalities":null}""", false, false)]
    public void What_else_than_text_it_asks_for_has_prices_of_its_own(string config, bool hasAudio, bool hasImages)
    {
        var request = Read($$"""{{{Hello}},"generationConfig":{{config}}}""");
        (request.HasAudio, request.HasImages).ShouldBe((hasAudio, hasImages));
    }

    [Theory]
    [InlineData("\"flex\"", "flex")]
    [InlineData("\"PRIORITY\"", "priority")]
    [InlineData("\"standard\"", "standard")]
    [InlineData("\"unspecified\"", null)]
    [InlineData("null", null)]
    public void It_says_which_tier_is_asked_for(string word, string? tier) => Read($"{{\"serviceTier\":{word},{Hello}}}").ServiceTier.ShouldBe(tier);

    [Theory]
    [InlineData("[]", null, "must be a JSON object")]
    [InlineData("{", null, "not valid JSON")]
    [InlineData("{H} x", null, "not valid JSON")]
    [InlineData("{}", "contents", "not specified")]
    [InlineData("""{H,"model":"models/gemini-3-pro"}""", "model", "model of the path")]
    [InlineData("""{H,"generationConfig":[]}""", "generationConfig", "an object")]
    [InlineData("""{H,"generationConfig":{},"generation_config":{}}""", "generationConfig", "twice")]
    [InlineData("""{H,"generationConfig":null,"generationConfig":{}}""", "generationConfig", "twice")]
    [InlineData("""{H,"generationConfig":{"maxOutputTokens":1,"max_output_tokens":2}}""", "generationConfig.maxOutputTokens", "twice")]
    [InlineData("""{H,"generationConfig":{"maxOutputTokens":1,"maxOutputTok\u0065ns":2}}""", "generationConfig.maxOutputTokens", "twice")]
    [InlineData("""{H,"generationConfig":{"maxOutputTokens":0}}""", "generationConfig.maxOutputTokens", "whole number")]
    [InlineData("""{H,"generationConfig":{"maxOutputTokens":"100"}}""", "generationConfig.maxOutputTokens", "whole number")]
    [InlineData("""{H,"generationConfig":{"candidateCount":0}}""", "generationConfig.candidateCount", "whole number")]
    [InlineData("""{H,"generationConfig":{"candidateCount":2,"candidate_count":1}}""", "generationConfig.candidateCount", "twice")]
    [InlineData("""{H,"generationConfig":{"responseModalities":["VIDEO"]}}""", "generationConfig.responseModalities", "metered")]
    [InlineData("""{H,"generationConfig":{"responseModalities":[3]}}""", "generationConfig.responseModalities", "metered")]
    [InlineData("""{H,"serviceTier":2}""", "serviceTier", "standard, flex and priority")]
    [InlineData("""{H,"serviceTier":"standard","service_tier":"priority"}""", "serviceTier", "twice")]
    [InlineData("""{H,"tools":{"googleSearch":{}}}""", "tools", "array")]
    [InlineData("""{H,"tools":[{"googleSearch":{}}]}""", "tools", "googleSearch")]
    [InlineData("""{H,"tools":[{"functionDeclarations":[]},{"google_search_retrieval":{}}]}""", "tools", "google_search_retrieval")]
    [InlineData("""{H,"tools":[{"urlContext":{}}]}""", "tools", "urlContext")]
    [InlineData("""{H,"tools":[{"codeExecution":{}}]}""", "tools", "codeExecution")]
    [InlineData("""{H,"tools":[{"googleMaps":{}}]}""", "tools", "googleMaps")]
    [InlineData("""{H,"tools":[{"fileSearch":{}}]}""", "tools", "fileSearch")]
    [InlineData("""{H,"tools":[{"mcpServers":[]}]}""", "tools", "mcpServers")]
    public void It_refuses_by_name(string body, string? field, string why) => Expect(Reading(body.Replace("H", Hello, StringComparison.Ordinal)), field, why);

    [Theory]
    [InlineData("?alt=json&alt=sse", "alt")]
    [InlineData("?alt=proto", "alt")]
    [InlineData("?fields=candidates", "fields")]
    [InlineData("?%66ields=candidates", "fields")]
    [InlineData("?$fields=candidates&alt=sse", "$fields")]
    [InlineData("?callback=x", "callback")]
    public void A_query_that_could_hide_usage_is_refused(string query, string name) => Expect(Reading($"{{{Hello}}}", query: query), name, "");

    [Fact]
    public void So_are_the_headers_that_could()
    {
        foreach (var header in new[] { "X-Goog-FieldMask", "x-goog-encode-response-if-executable" })
            Adapter.ReadRequest(Target(":generateContent", ""), Encoding.UTF8.GetBytes($"{{{Hello}}}"), new HeaderDictionary { [header] = "candidates" }).Refusal.ShouldBeOfType<Refusal.BadRequest>();
        Expect(Reading($"{{{Hello}}}", ":generateContent", "?alt=sse"), "alt", "json");   // nothing streams there
        foreach (var query in new[] { "", "?alt=sse", "?alt=json&prettyPrint=false", "?$alt=sse" })
            Reading($"{{{Hello}}}", query: query).Request.ShouldNotBeNull();
    }

    [Fact]
    public void Embeddings_have_no_output()
    {
        var one = Read("""{"model":"models/gemini-2.5-flash","content":{"parts":[{"text":"hello"}]},"taskType":"CLUSTERING"}""", ":embedContent");
        (one.Model, one.OutputBound, one.Choices, one.Stream, one.HasMedia, one.BoundPlace).ShouldBe(("gemini-2.5-flash", 0, 1, false, false, null));
        var many = Read("""{"requests":[{"model":"models/gemini-2.5-flash","content":{"parts":[{"text":"a"}]}},{"content":{"parts":[{"inlineData":{"mimeType":"image/png"}}]}}]}""", ":batchEmbedContents");
        (many.HasMedia, many.Images, many.OutputBound).ShouldBe((true, 1, 0));
        Expect(Reading("""{"requests":[{"model":"models/dear","content":{}}]}""", ":batchEmbedContents"), "model", "model of the path");
        Expect(Reading("""{"requests":{}}""", ":batchEmbedContents"), "requests", "array");
        Expect(Reading("""{"requests":[1]}""", ":batchEmbedContents"), "requests", "object");
        Expect(Reading("{}", ":embedContent"), "content", "content");
    }

    [Fact]
    public void Every_broken_body_is_a_refusal_and_no_exception()
    {
        var body = Encoding.UTF8.GetBytes($$$"""{{{{Hello}}},"tools":[{"functionDeclarations":[{"name":"f"}]}],"generationConfig":{"maxOutputTokens":null,"responseModalities":["TEXT"]},"serviceTier":"flex"}""");
        for (var length = 0; length < body.Length; length++)
            Adapter.ReadRequest(Target(":streamGenerateContent", ""), body.AsMemory(0, length), new HeaderDictionary()).Refusal.ShouldBeOfType<Refusal.BadRequest>();
        for (var at = 0; at < body.Length; at++)
        {
            var broken = body.ToArray();
            broken[at] = 0xff;
            _ = Adapter.ReadRequest(Target(":streamGenerateContent", ""), broken, new HeaderDictionary());
        }
    }

    private static void Expect(RequestReading reading, string? field, string why)
    {
        var refusal = reading.Refusal.ShouldBeOfType<Refusal.BadRequest>();
        refusal.Parameter.ShouldBe(field);
        refusal.Message.ShouldContain(why);
    }

    private static ProviderRequest Read(string body, string method = ":streamGenerateContent") => Reading(body, method) is { Request: { } request } ? request : throw new ShouldAssertException($"refused: {body}");

    private static RequestReading Reading(string body, string method = ":streamGenerateContent", string query = "") =>
        Adapter.ReadRequest(Target(method, query), Encoding.UTF8.GetBytes(body), new HeaderDictionary());

    private static CallTarget Target(string method, string query) =>
        new(Adapter.Routes.Single(route => route.Template == "/v1beta/models/{model}" + method), "gemini-2.5-flash", query);
}
