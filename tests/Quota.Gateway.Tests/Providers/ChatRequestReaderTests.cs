using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using CsCheck;
using Quota.Gateway.Providers;
using Quota.Gateway.Providers.OpenAi;

namespace Quota.Gateway.Tests.Providers;

/// <summary>What a body asks for, and how usage is asked for in its place.</summary>
public sealed class ChatRequestReaderTests
{
    /// <summary>The request as OpenAI gets it: usage of a stream is asked for.</summary>
    private static ProviderRequest Read(string body) => OpenAiLike.Of("openai").Prepare(ChatRequestReader.Read(Encoding.UTF8.GetBytes(body)).Request.ShouldNotBeNull());

    [Theory]
    [InlineData("{\"model\":\"m\",\"stream\":true}")]
    [InlineData("{\"stream\":true,\"stream_options\":{},\"model\":\"m\" }")]
    [InlineData("{\"stream\":true,\"stream_options\":{\"x\":[1,{}]},\"model\":\"m\"}")]
    [InlineData("{\"stream\":true,\"stream_options\":{\"include_usage\":false,\"x\":1},\"model\":\"m\"}")]
    [InlineData("{\"stream\":true,\"stream_options\":{\"include_usage\":null},\"model\":\"m\"}")]
    [InlineData("{\"stream\":true,\"stream_options\":null,\"model\":\"m\"}")]
    public void A_stream_that_does_not_ask_for_usage_is_made_to(string body)
    {
        var request = Read(body);
        request.HidesUsage.ShouldBeTrue();
        var (sent, asked) = (JsonElement.Parse(SplicedBodyTests.Text(request.Body)), JsonElement.Parse(body));
        sent.GetProperty("stream_options").GetProperty("include_usage").GetBoolean().ShouldBeTrue();
        sent.EnumerateObject().Count(field => field.Name == "stream_options").ShouldBe(1);
        foreach (var field in asked.EnumerateObject().Where(field => field.Name != "stream_options"))
            sent.GetProperty(field.Name).GetRawText().ShouldBe(field.Value.GetRawText());
    }

    [Theory]
    [InlineData("{\"model\":\"m\"}")]
    [InlineData("{\"model\":\"m\",\"stream\":false,\"stream_options\":null}")]
    [InlineData("{\"model\":\"m\",\"stream\":true,\"stream_options\":{\"include_usage\":true}}")]
    public void Other_bodies_go_on_byte_for_byte(string body)
    {
        var request = Read(body);
        request.HidesUsage.ShouldBeFalse();
        SplicedBodyTests.Text(request.Body).ShouldBe(body);
        request.Body.Edits.Length.ShouldBe(0);
    }

    [Fact]
    public void Bounds_are_the_larger_of_both_names_and_media_are_noticed()
    {
        var request = Read("""{"model":"m","max_tokens":5,"max_completion_tokens":9,"n":3,"messages":[{"content":[{"type":"image_url","image_url":{"url":"x"}}]}]}""");
        (request.OutputBound, request.Choices, request.HasMedia).ShouldBe((9, 3, true));
        Read("""{"model":"m","max_tokens":null,"messages":[{"content":"image_url"}]}""").ShouldSatisfyAllConditions(
            it => it.OutputBound.ShouldBeNull(), it => it.HasMedia.ShouldBeFalse());
    }

    [Theory]
    [InlineData("""{"model":"m"}""", """{"model":"m","max_completion_tokens":7}""")]
    [InlineData("""{ "model":"m" }""", """{ "model":"m" ,"max_completion_tokens":7}""")]
    [InlineData("""{"max_completion_tokens" : null,"model":"m"}""", """{"max_completion_tokens":7,"model":"m"}""")]
    [InlineData("""{"max_tokens":null,"model":"m"}""", """{"max_completion_tokens":7,"model":"m"}""")]
    [InlineData("""{"max_tokens":null,"max_completion_tokens":null,"model":"m"}""", """{"max_tokens":null,"max_completion_tokens":7,"model":"m"}""")]
    [InlineData("""{"model":"m","stream":true}""", """{"model":"m","stream":true,"stream_options":{"include_usage":true},"max_completion_tokens":7}""")]
    [InlineData("""{"stream":true,"stream_options":{ },"max_tokens":null,"model":"m"}""", """{"stream":true,"stream_options":{"include_usage":true },"max_completion_tokens":7,"model":"m"}""")]
    public void A_bound_goes_in_where_none_was_named(string body, string sent)
    {
        var request = Read(body);
        request.OutputBound.ShouldBeNull();
        SplicedBodyTests.Text(request.BodyWith(7)).ShouldBe(sent);
        request.BodyWith(null).ShouldBe(request.Body);
    }

    [Theory]
    [InlineData("""{"model":"m","max_tokens":5}""")]
    [InlineData("""{"model":"m","max_tokens":5,"max_completion_tokens":null}""")]
    public void A_bound_that_the_client_named_is_never_changed(string body)
    {
        var request = Read(body);
        request.BoundPlace.ShouldBeNull();
        Should.Throw<InvalidOperationException>(() => request.BodyWith(3));
    }

    [Theory]
    [InlineData("max_tokens", "null", "5")]
    [InlineData("max_completion_tokens", "5", "null")]
    [InlineData("n", "null", "2")]
    [InlineData("stream", "null", "true")]
    [InlineData("stream_options", "null", "{}")]
    [InlineData("model", "\"m\"", "\"m\"")]
    public void A_field_that_stands_twice_is_refused_even_when_one_is_null(string field, string first, string second)
    {
        var model = field == "model" ? "" : "\"model\":\"m\",";
        var body = "{" + model + $"\"{field}\":{first},\"{field}\":{second}" + "}";
        ChatRequestReader.Read(Encoding.UTF8.GetBytes(body)).Refusal.ShouldBeOfType<Refusal.BadRequest>().Parameter.ShouldBe(field);
    }

    [Fact]
    public void Images_are_counted_and_words_of_schemas_are_no_media()
    {
        var request = Read("""{"model":"m","messages":[{"content":[{"type":"image_url","image_url":{"url":"x"}},{"type":"text","text":"image_url"},{"type":"image_url","image\u005furl":{"url":"y"}}]},{"content":[{"type":"file","file":{}}]}]}""");
        (request.Images, request.HasMedia).ShouldBe((2, true));
        request = Read("""{"tools":[{"function":{"parameters":{"properties":{"file":{},"image_url":{}}}}}],"response_format":{"json_schema":{"schema":{"properties":{"input_audio":{}}}}},"model":"m"}""");
        (request.Images, request.HasMedia).ShouldBe((0, false));
    }

    [Theory]
    [InlineData("""{"model":"m","service_tier":"flex"}""", "flex")]
    [InlineData("""{"model":"m","service_tier":"auto"}""", null)]
    [InlineData("""{"model":"m","service_tier":null}""", null)]
    public void A_tier_with_prices_of_its_own_is_told(string body, string? tier) => Read(body).ServiceTier.ShouldBe(tier);

    [Theory]
    [InlineData("""{"model":"m","service_tier":"flex","service_tier":"auto"}""")]
    [InlineData("""{"model":"m","service_tier":7}""")]
    public void A_tier_that_is_none_is_refused(string body) =>
        ChatRequestReader.Read(Encoding.UTF8.GetBytes(body)).Refusal.ShouldBeOfType<Refusal.BadRequest>().Parameter.ShouldBe("service_tier");

    [Theory]
    [InlineData("""{"model":"m","web_search_options":{"search_context_size":"low"}}""", true)]
    [InlineData("""{"model":"gpt-4o-search-preview"}""", true)]
    [InlineData("""{"model":"m","web_search_options":null}""", false)]
    public void A_chat_searches_once_at_most(string body, bool searches)
    {
        var request = Read(body);
        request.HasMedia.ShouldBe(searches);   // what is found is input, too
        request.ToolCalls.ShouldBe(searches ? new Dictionary<string, long> { ["web_search"] = 1 } : null);
    }

    [Theory]
    [InlineData("""{"model":"m","modalities":["text","audio"],"audio":{"voice":"alloy","format":"wav"}}""", true, false)]
    [InlineData("""{"model":"m","messages":[{"content":[{"type":"input_audio","input_audio":{"data":"","format":"wav"}}]}]}""", true, true)]
    [InlineData("""{"model":"m","modalities":["text"],"messages":[{"content":"audio"}]}""", false, false)]
    public void Audio_has_prices_of_its_own(string body, bool hasAudio, bool hasMedia)
    {
        var request = Read(body);
        (request.HasAudio, request.HasMedia).ShouldBe((hasAudio, hasMedia));
    }

    private static Gen<T> OneOf<T>(params T[] values) => Gen.Int[0, values.Length - 1].Select(i => values[i]);

    private static readonly Gen<string> Space = OneOf("", "", "", " ", "\n\t ", "\r\n");

    private static readonly Gen<string> Word = OneOf("tick", "sa\\\"y", "ünïcode €", "\\u00e9\\n", "😀", "}{][,:", "\\\\", "max_tokens", "\\\"stream\\\":true");

    /// <summary>Fields in any order with any white space; what of them matters is beside them.</summary>
    private static readonly Gen<(string Body, bool Hides, bool HasBound)> Bodies =
        from model in OneOf("m", "gpt-4o", "sa\\\"y", "ünï €", "\\u00e9", "😀}{")
        from stream in OneOf<string?>(null, "true", "false", "null")
        from options in OneOf<string?>(null, "null", "{}", "{ \n}", "{\"x\":[{}]}", "{\"include_usage\" : false}", "{\"x\":1,\"include_usage\":null}", "{\"include_usage\":true}")
        from maxTokens in OneOf<string?>(null, null, "null", "17")
        from maxCompletion in OneOf<string?>(null, null, "null", "23")
        from words in Word.Array[0, 4]
        from space in Space.Array[1, 12]
        let fields = new[]
        {
            ("model", "\"" + model + "\""), ("stream", stream), ("stream_options", options), ("max_tokens", maxTokens), ("max_completion_tokens", maxCompletion),
            ("messages", "[" + string.Join(',', words.Select(word => "{\"role\":\"user\",\"content\":\"" + word + "\",\"stream\":null,\"max_tokens\":[{\"n\":1}]}")) + "]"), ("temperature", "0.50"),
        }.Where(field => field.Item2 is not null).ToArray()
        from order in Gen.Shuffle(fields)
        select (
            Spaced(order, space), stream == "true" && options?.Contains("true", StringComparison.Ordinal) != true,
            maxTokens is not (null or "null") || maxCompletion is not (null or "null"));

    private static string Spaced((string Name, string? Value)[] fields, string[] space)
    {
        var i = 0;
        string S() => space[i++ % space.Length];
        return S() + "{" + string.Join(',', fields.Select(field => $"{S()}\"{field.Name}\"{S()}:{S()}{field.Value}{S()}")) + "}" + S();
    }

    [Fact]
    public void What_is_sent_is_the_original_but_for_what_was_put_in()
    {
        Gen.Select(Bodies, Gen.Int[1, 60].Array[1, 20]).Sample((it, reads) =>
        {
            var request = Read(it.Body);
            request.HidesUsage.ShouldBe(it.Hides);
            (request.OutputBound is null).ShouldBe(!it.HasBound);

            var expected = JsonNode.Parse(it.Body)!.AsObject();
            if (it.Hides)
            {
                if (expected["stream_options"] is JsonObject options)
                    options["include_usage"] = true;
                else
                    expected["stream_options"] = new JsonObject { ["include_usage"] = true };
            }
            long? bound = it.HasBound ? null : 4711;
            if (bound is not null)
            {
                if (!expected.ContainsKey("max_completion_tokens"))
                    expected.Remove("max_tokens");
                expected["max_completion_tokens"] = bound;
            }
            var sent = SplicedBodyTests.Read(request.BodyWith(bound), reads).ToArray();
            JsonNode.DeepEquals(JsonNode.Parse(sent, documentOptions: new() { AllowDuplicateProperties = false }), expected).ShouldBeTrue(Encoding.UTF8.GetString(sent));

            // Nothing else was touched: without its edits it is the original, byte for byte.
            foreach (var edit in request.BodyWith(bound).Edits)
                edit.Insert.Length.ShouldBeGreaterThan(0);
            request.Body.Original.Span.SequenceEqual(Encoding.UTF8.GetBytes(it.Body)).ShouldBeTrue();
            Read(Encoding.UTF8.GetString(sent)).ShouldSatisfyAllConditions(
                again => again.HidesUsage.ShouldBeFalse(), again => again.OutputBound.ShouldBe(bound ?? request.OutputBound), again => again.Model.ShouldBe(request.Model));
        }, iter: 3000);
    }
}
