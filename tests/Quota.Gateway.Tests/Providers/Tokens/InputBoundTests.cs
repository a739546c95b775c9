using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using CsCheck;
using Quota.Gateway.Providers;
using Quota.Gateway.Providers.Tokens;
using Quota.TestKit;

namespace Quota.Gateway.Tests.Providers.Tokens;

/// <summary>Both bounds of the input, the cheap one (a byte is a token) and the tight one, are never below what the model reads.</summary>
public sealed class InputBoundTests : IAsyncLifetime
{
    private static readonly string Corpus = Path.Combine(Repository.Root, "tests/Quota.Gateway.Tests/Providers/Tokens/Corpus");

    private static readonly JsonSerializerOptions[] Writings = [new(), new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }, new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, WriteIndented = true }];

    private static readonly Gen<JsonObject> Message =
        from role in Gen.OneOf("system", "developer", "user", "assistant", "tool")
        from name in Gen.OneOf(Gen.Const(""), FuzzedText.Short)
        from parts in FuzzedText.Text.Array[1, 3]
        from isParts in Gen.Bool
        from calls in Gen.Select(FuzzedText.Short, FuzzedText.Text).Array[0, 2]
        select MessageOf(role, name, isParts ? (JsonNode)new JsonArray([.. parts.Select(text => (JsonNode)new JsonObject { ["type"] = "text", ["text"] = text })]) : JsonValue.Create(parts[0]), calls);

    private static readonly Gen<JsonNode> Property =
        from description in FuzzedText.Text
        from values in FuzzedText.Short.Array[0, 3]
        select values.Length == 0 ? (JsonNode)new JsonObject { ["type"] = "string", ["description"] = description }
            : new JsonObject { ["type"] = "string", ["enum"] = new JsonArray([.. values.Select(value => (JsonNode)value)]), ["description"] = description };

    private static readonly Gen<JsonObject> Schema =
        Gen.Select(FuzzedText.Short, Property).Array[0, 4].Select(properties => new JsonObject
        {
            ["type"] = "object",
            ["properties"] = new JsonObject(properties.DistinctBy(it => it.Item1).Select(it => KeyValuePair.Create(it.Item1, (JsonNode?)it.Item2.DeepClone()))),
            ["required"] = new JsonArray([.. properties.Select(it => (JsonNode)it.Item1)]),
            ["additionalProperties"] = false,
        });

    private static readonly Gen<JsonNode> Tool =
        from name in FuzzedText.Short
        from description in FuzzedText.Text
        from schema in Schema
        select (JsonNode)new JsonObject { ["type"] = "function", ["function"] = new JsonObject { ["name"] = name, ["description"] = description, ["parameters"] = schema.DeepClone() } };

    private static readonly Gen<JsonObject> Chat =
        from messages in Message.Array[1, 3]
        from tools in Tool.Array[0, 2]
        from formats in Schema.Array[0, 1]
        select ChatOf(messages, tools, formats.SingleOrDefault());

    public async ValueTask InitializeAsync()
    {
        foreach (var encoding in Encodings.All)
            await TokenCounter.Loading(encoding.Model)!;
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    /// <summary>The last number is OpenAI's own <c>usage.prompt_tokens</c>.</summary>
    [Theory]
    [InlineData("openai--chat-basic", "chat", "gpt-5-nano", 8)]
    [InlineData("openai--embeddings-basic", "embeddings", "text-embedding-3-small", 7)]
    [InlineData("openai--completion-streaming-usage", "completions", "babbage-002", 31)]
    public void What_OpenAI_counted_is_below_both_bounds(string recording, string kind, string model, long promptTokens)
    {
        var request = RequestOf(File.ReadAllBytes(Path.Combine(Corpus, recording + ".request.json")));
        request.InputBytes.ShouldBeGreaterThanOrEqualTo(promptTokens);
        var tight = InputBound.Tight(kind, model, request).ShouldNotBeNull();
        tight.ShouldBeInRange(promptTokens, promptTokens + 60);
        InputBound.Estimate(kind, model, request).ShouldNotBeNull().ShouldBeInRange(promptTokens - 6, promptTokens);   // but for the framing of a message and of the answer: 3 each
    }

    /// <summary>The cookbook's worked example: OpenAI counted 101 for gpt-4o and 105 for gpt-4.</summary>
    [Theory]
    [InlineData("gpt-4o", 101)]
    [InlineData("gpt-4", 105)]
    public void What_OpenAI_counted_with_a_tool_is_below_both_bounds(string model, long promptTokens)
    {
        var request = RequestOf("""
            {"model":"m","tools":[{"type":"function","function":{"name":"get_current_weather","description":"Get the current weather in a given location","parameters":{"type":"object",
            "properties":{"location":{"type":"string","description":"The city and state, e.g. San Francisco, CA"},"unit":{"type":"string","description":"The unit of temperature to return","enum":["celsius","fahrenheit"]}},
            "required":["location"]}}}],"messages":[{"role":"system","content":"You are a helpful assistant that can answer to questions about the weather."},
            {"role":"user","content":"What's the weather like in Pittsburgh, PA?"}]}
            """u8.ToArray());
        request.InputBytes.ShouldBeGreaterThanOrEqualTo(promptTokens);
        InputBound.Tight("chat", model, request).ShouldNotBeNull().ShouldBeInRange(promptTokens, 4 * promptTokens);
    }

    [Fact]
    public void No_chat_is_above_either_bound() => Chat.Sample(
        chat =>
        {
            var body = JsonElement.Parse(chat.ToJsonString(Writings[1]));   // a schema is read with its letters as they are
            var requests = Writings.Select(writing => RequestOf(Encoding.UTF8.GetBytes(chat.ToJsonString(writing)))).ToArray();
            foreach (var encoding in Encodings.All)
            {
                var truth = Rendering.Tokens(encoding, body);
                foreach (var request in requests)
                {
                    request.InputBytes.ShouldBeGreaterThanOrEqualTo(truth);
                    InputBound.Tight("chat", encoding.Model, request).ShouldNotBeNull().ShouldBeGreaterThanOrEqualTo(truth, encoding.Name);
                }
            }
        },
        iter: LongForm.Pick(150, 3_000));

    [Fact]
    public void No_tools_are_above_the_bound_by_the_cookbooks_sums() => Tool.Array[1, 3].Sample(
        tools =>
        {
            var chat = ChatOf([new JsonObject { ["role"] = "user", ["content"] = "Hi" }], tools, null);
            var request = RequestOf(Encoding.UTF8.GetBytes(chat.ToJsonString()));
            foreach (var encoding in Encodings.All)
            {
                var truth = 3 + 3 + 2 + Rendering.ToolsBySums(encoding, JsonElement.Parse(chat["tools"]!.ToJsonString()));
                InputBound.Tight("chat", encoding.Model, request).ShouldNotBeNull().ShouldBeGreaterThanOrEqualTo(truth, encoding.Name);
            }
        },
        iter: LongForm.Pick(150, 3_000));

    /// <summary>Of embeddings OpenAI counts the tokens of each text, nothing else.</summary>
    [Fact]
    public void No_text_to_embed_is_above_either_bound() => FuzzedText.Text.Array[1, 5].Sample(
        texts =>
        {
            var request = RequestOf(Encoding.UTF8.GetBytes(new JsonObject { ["model"] = "m", ["input"] = new JsonArray([.. texts.Select(text => (JsonNode)text)]) }.ToJsonString()));
            var truth = texts.Sum(Encodings.Cl100k.Count);
            request.InputBytes.ShouldBeGreaterThanOrEqualTo(truth);
            InputBound.Tight("embeddings", "text-embedding-3-small", request).ShouldNotBeNull().ShouldBeGreaterThanOrEqualTo(truth);
        },
        iter: LongForm.Pick(150, 3_000));

    /// <summary>At each cut of this text four tokens of cl100k_base reach across in another way: the whole has 80 more than its 21 pieces.</summary>
    [Fact]
    public void Where_a_text_must_be_cut_the_bound_holds()
    {
        const string end = ".tintColor", begin = "exus.\"&";
        var text = new string('0', TokenCounter.PieceChars - end.Length) + end
            + string.Concat(Enumerable.Repeat(begin + new string('0', TokenCounter.PieceChars - begin.Length - end.Length) + end, 20));
        var truth = Encodings.Cl100k.Count(text);
        text.Chunk(TokenCounter.PieceChars).Sum(piece => Encodings.Cl100k.Count(new string(piece))).ShouldBe(truth - 80);
        InputBound.Tight("embeddings", "gpt-4", RequestOf(Encoding.UTF8.GetBytes(new JsonObject { ["input"] = text }.ToJsonString()))).ShouldNotBeNull().ShouldBeInRange(truth, truth + 120);
    }

    [Theory]
    [InlineData("embeddings", """{"model":"m","input":[[101,102,103],[1,2]]}""", 5)]
    [InlineData("embeddings", """{"model":"m","input":[100000,7]}""", 2)]
    [InlineData("completions", """{"model":"m","prompt":[100000,7,8],"suffix":"hello world","best_of":4}""", 5)]
    public void A_number_that_is_a_token_counts_one(string kind, string body, long tokens) => InputBound.Estimate(kind, "gpt-4", RequestOf(Encoding.UTF8.GetBytes(body))).ShouldBe(tokens);

    /// <summary>It is worth asking: prose has about a token for four bytes.</summary>
    [Fact]
    public void Of_prose_the_tight_bound_is_less_than_a_third_of_the_bytes()
    {
        var prose = string.Concat(Enumerable.Repeat("A limit is asked before the call, and what the call used is written down after it. ", 100));
        var request = RequestOf(Encoding.UTF8.GetBytes(ChatOf([MessageOf("user", "", prose, [])], [], null).ToJsonString()));
        InputBound.Tight("chat", "gpt-4o", request).ShouldNotBeNull().ShouldBeLessThan(request.InputBytes / 3);
    }

    [Fact]
    public void What_no_model_reads_does_not_count()
    {
        var plain = RequestOf("""{"model":"m","messages":[]}"""u8.ToArray());
        var more = RequestOf("""{"model":"another","metadata":{"a":"b c d"},"user":"ada lovelace","stop":["one","two"],"messages":[]}"""u8.ToArray());
        InputBound.Tight("chat", "gpt-4o", more).ShouldBe(InputBound.Tight("chat", "gpt-4o", plain));
    }

    [Fact]
    public void What_the_provider_adds_counts()
    {
        var request = RequestOf("""{"model":"m","messages":[]}"""u8.ToArray());
        (InputBound.Tight("chat", "gpt-4o", request with { AddedTokens = 100 }) - InputBound.Tight("chat", "gpt-4o", request)).ShouldBe(100);
    }

    [Fact]
    public void What_cannot_be_counted_has_no_tight_bound()
    {
        var request = RequestOf("""{"model":"m","messages":[{"role":"user","content":"hello"}]}"""u8.ToArray());
        InputBound.Tight("chat", "gpt-4o", request).ShouldNotBeNull();
        InputBound.Tight("chat", "claude-sonnet-4-5", request).ShouldBeNull();
        InputBound.Tight("images", "gpt-4o", request).ShouldBeNull();
        InputBound.Tight("chat", "gpt-4o", request with { HasMedia = true }).ShouldBeNull();
        InputBound.Tight("chat", "gpt-4o", RequestOf("""{"messages":[{"content":"\ud800"}]}"""u8.ToArray())).ShouldBeNull();
        InputBound.Tight("chat", "gpt-4o", RequestOf("""{"messages":["""u8.ToArray())).ShouldBeNull();
        InputBound.Tight("chat", "gpt-4o", RequestOf([])).ShouldBeNull();
        InputBound.Tight("chat", "gpt-4o", RequestOf([.. "{\"messages\":[{\"content\":\""u8, 0xff, .. "\"}]}"u8])).ShouldBeNull();
        InputBound.Tight("embeddings", "gpt-4", RequestOf(Encoding.UTF8.GetBytes($$"""{"input":"{{new string('x', InputBound.MostBytes)}}"}"""))).ShouldBeNull();
    }

    private static JsonObject MessageOf(string role, string name, JsonNode content, (string Name, string Arguments)[] calls)
    {
        var message = new JsonObject { ["role"] = role, ["content"] = content.DeepClone() };
        if (name.Length > 0)
            message["name"] = name;
        if (calls.Length > 0)
        {
            message["tool_calls"] = new JsonArray([.. calls.Select(call =>
                (JsonNode)new JsonObject { ["id"] = "call_1", ["type"] = "function", ["function"] = new JsonObject { ["name"] = call.Name, ["arguments"] = call.Arguments } })]);
        }
        return message;
    }

    private static JsonObject ChatOf(JsonObject[] messages, JsonNode[] tools, JsonObject? format)
    {
        var chat = new JsonObject { ["model"] = "m", ["messages"] = new JsonArray([.. messages.Select(it => it.DeepClone())]) };
        if (tools.Length > 0)
            chat["tools"] = new JsonArray([.. tools.Select(it => it.DeepClone())]);
        if (format is not null)
            chat["response_format"] = new JsonObject { ["type"] = "json_schema", ["json_schema"] = new JsonObject { ["name"] = "answer", ["schema"] = format.DeepClone() } };
        return chat;
    }

    private static ProviderRequest RequestOf(byte[] body) =>
        new() { Model = "m", Stream = false, InputBytes = body.Length, HasMedia = false, Images = 0, OutputBound = null, Choices = 1, Body = new SplicedBody(body), BoundPlace = null };
}
