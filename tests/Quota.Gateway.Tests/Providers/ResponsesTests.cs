using System.Buffers;
using System.Text;
using System.Text.Json;
using Quota.Gateway.Providers;
using Quota.Gateway.Providers.OpenAi;
using Quota.Shared.Usage;
using Quota.TestKit;

namespace Quota.Gateway.Tests.Providers;

/// <summary>OpenAI's responses: what bounds a request, usage of recorded streams however they are cut, and an ending of our own.</summary>
public sealed class ResponsesTests
{
    [Theory]
    [InlineData("openai--openai-custom-tool.1", true)]
    [InlineData("openai--openai-phase.1", true)]
    [InlineData("openai--openai-error.1", false)]
    public void Usage_is_the_providers_however_the_bytes_are_cut(string name, bool isComplete)
    {
        var (bytes, last) = (BytesOf(name), JsonElement.Parse(File.ReadLines(PathOf(name)).Last(line => line.Length > 0)).GetProperty("response"));
        foreach (var cut in Enumerable.Range(0, 500).Select(i => (int)((long)i * bytes.Length / 500)))
            Check([bytes[..cut], bytes[cut..]]);
        Check([.. bytes.Select(b => new[] { b })]);

        void Check(byte[][] pieces)
        {
            var (reader, kept) = (new ResponsesStreamUsage(), new ArrayBufferWriter<byte>());
            foreach (var piece in pieces)
                reader.Feed(piece, kept);
            reader.End(kept);
            kept.WrittenSpan.SequenceEqual(bytes).ShouldBeTrue();   // nothing is hidden
            reader.IsComplete.ShouldBe(isComplete);
            reader.ResponseModel.ShouldBe(last.GetProperty("model").GetString());
            if (!last.TryGetProperty("usage", out var usage) || usage.ValueKind == JsonValueKind.Null)
            {
                reader.Usage.ShouldBeNull();
                return;
            }
            var counts = reader.Usage.ShouldNotBeNull();
            (counts.InputTokens, counts.OutputTokens).ShouldBe((usage.GetProperty("input_tokens").GetInt64(), usage.GetProperty("output_tokens").GetInt64()));
            (counts.CachedInputTokens, counts.ReasoningTokens).ShouldBe((usage.GetProperty("input_tokens_details").GetProperty("cached_tokens").GetInt64(), usage.GetProperty("output_tokens_details").GetProperty("reasoning_tokens").GetInt64()));
            JsonElement.DeepEquals(JsonElement.Parse(reader.UsageRaw!), usage).ShouldBeTrue();
        }
    }

    [Fact]
    public void Cut_before_any_event_it_ends_as_an_incomplete_response()
    {
        var events = Encoding.UTF8.GetString(BytesOf("openai--openai-phase.1")).Split("\n\n", StringSplitOptions.RemoveEmptyEntries);
        for (var cut = 0; cut < events.Length; cut++)
        {
            var (reader, kept, output) = (new ResponsesStreamUsage(), new ArrayBufferWriter<byte>(), new ArrayBufferWriter<byte>());
            foreach (var it in events[..cut])
                reader.Next(Encoding.UTF8.GetBytes(it + "\n\n"), kept, out _).ShouldBe(EventStep.Whole);
            var text = reader.OutputBytes;
            reader.Next(Encoding.UTF8.GetBytes(events[cut] + "\n\n"), kept, out _);
            reader.TakeBack().ShouldBeTrue();
            reader.OutputBytes.ShouldBe(text);
            reader.WriteEnding(output, new UsageCounts { InputTokens = 5, OutputTokens = 3, CachedInputTokens = 1 });
            var lines = Encoding.UTF8.GetString(output.WrittenSpan).Split('\n');
            lines[0].ShouldBe("event: response.incomplete");
            var response = JsonElement.Parse(lines[1]["data: ".Length..]).GetProperty("response");
            (response.GetProperty("status").GetString(), response.GetProperty("incomplete_details").GetProperty("reason").GetString()).ShouldBe(("incomplete", "max_output_tokens"));
            ResponsesUsage.Of(response.GetProperty("usage")).ShouldBe(new UsageCounts { Requests = 1, InputTokens = 5, CachedInputTokens = 1, OutputTokens = 3 });
            if (cut > 0)
                response.GetProperty("id").GetString()!.ShouldStartWith("resp_0a63");
        }
    }

    [Fact]
    public void It_says_what_bounds_the_call()
    {
        var request = Read("""{"model":"gpt-4o","input":"hello","stream":true,"max_output_tokens":64}""");
        (request.Model, request.Stream, request.OutputBound, request.HasMedia).ShouldBe(("gpt-4o", true, 64, false));
        (Read("""{"model":"m","input":[{"role":"user","content":[{"type":"input_image","image_url":"x"},{"type":"input_text","text":"a"}]}]}""") is { HasMedia: true, Images: 1 }).ShouldBeTrue();
        Read("""{"model":"m","input":"go on","previous_response_id":"resp_1"}""").HasMedia.ShouldBeTrue();   // all that was said before is input, too
        Read("""{"model":"m","input":"go on","previous_response_id":null}""").HasMedia.ShouldBeFalse();
        Read("""{"model":"m","tools":[{"type":"function","name":"f","parameters":{"type":"object","properties":{"type":{"type":"web_search"}}}}],"input":"a"}""").HasMedia.ShouldBeFalse();
    }

    [Fact]
    public void Tools_that_OpenAI_runs_are_bounded_by_their_calls()
    {
        var request = Read("""{"model":"m","input":"a","service_tier":"flex","tools":[{"type":"web_search_preview_2025_03_11"},{"type":"function","name":"f"},{"type":"code_interpreter","container":{"type":"auto","memory_limit":"1g"}}],"max_tool_calls":3}""");
        request.ToolCalls.ShouldBe(new Dictionary<string, long> { ["web_search"] = 3, ["code_interpreter"] = 3 }, ignoreOrder: true);
        (request.HasMedia, request.ServiceTier).ShouldBe((true, "flex"));   // what they find is input as well
        request = Read("""{"model":"m","input":"a","service_tier":"auto","max_tool_calls":3,"tools":[{"type":"computer_use_preview","display_width":1}]}""");
        (request.ToolCalls, request.HasMedia, request.ServiceTier).ShouldBe((null, false, null));
    }

    [Fact]
    public void A_whole_response_with_tools_is_counted_at_every_cut()
    {
        var body = Encoding.UTF8.GetBytes("""{"model":"gpt-5","service_tier":"flex","output":[{"type":"web_search_call","action":{"type":"search"}},{"type":"web_search_call","action":{"type":"find_in_page"}},{"type":"message","content":[{"text":"{\"type\":\"web_search_call\"}"}]}],"usage":{"input_tokens":5,"output_tokens":2}}""");
        for (var cut = 0; cut <= body.Length; cut++)
        {
            var reader = new ResponsesToolUsage(new Dictionary<string, long> { ["web_search"] = 9 });
            reader.Feed(body.AsSpan(0, cut), null);
            reader.Feed(body.AsSpan(cut), null);
            reader.Usage.ShouldBe(new UsageCounts { Requests = 1, InputTokens = 5, OutputTokens = 2, ToolCalls = new Dictionary<string, long> { ["web_search"] = 1 } });
            (reader.ResponseModel, reader.ServiceTier, reader.IsComplete).ShouldBe(("gpt-5", "flex", true));
        }
    }

    [Theory]
    [InlineData("""{"model":"m","input":"a"}""", """{"model":"m","input":"a","max_output_tokens":9}""")]
    [InlineData("""{"max_output_tokens":null,"model":"m","input":"a"}""", """{"max_output_tokens":9,"model":"m","input":"a"}""")]
    public void A_bound_is_put_in_where_there_is_none(string body, string sent)
    {
        using var stream = new StreamReader(Read(body).BodyWith(9).OpenRead());
        stream.ReadToEnd().ShouldBe(sent);
    }

    [Theory]
    [InlineData("""{"input":"a"}""", "model")]
    [InlineData("""{"model":"m","model":"n"}""", "model")]
    [InlineData("""{"model":"m","max_output_tokens":0}""", "max_output_tokens")]
    [InlineData("""{"model":"m","max_output_tokens":1,"max_output_tokens":2}""", "max_output_tokens")]
    [InlineData("""{"model":"m","stream":"yes"}""", "stream")]
    [InlineData("""{"model":"m","background":true}""", "background")]
    [InlineData("""{"model":"m","service_tier":7}""", "service_tier")]
    [InlineData("""{"model":"m","service_tier":"flex","service_tier":"auto"}""", "service_tier")]
    [InlineData("""{"model":"m","tools":[{"type":"web_search"}]}""", "max_tool_calls")]
    [InlineData("""{"model":"m","max_tool_calls":null,"tools":[{"type":"file_search"}]}""", "max_tool_calls")]
    [InlineData("""{"model":"m","max_tool_calls":2,"tools":[{"type":"web_search"}],"max_tool_calls":3}""", "max_tool_calls")]
    [InlineData("""{"model":"m","max_tool_calls":2,"tools":[{"type":"image_generation"}]}""", "tools")]
    [InlineData("""{"model":"m","max_tool_calls":2,"tools":[{"type":"code_interpreter","container":{"type":"auto","memory_limit":"4g"}}]}""", "tools")]
    [InlineData("""{"model":"m","tools":[{"type":"mcp","server_url":"https://x"}]}""", "tools")]
    [InlineData("""{"model":"m"} x""", null)]
    public void It_refuses_by_name(string body, string? field) =>
        ResponsesRequestReader.Read(Encoding.UTF8.GetBytes(body)).Refusal.ShouldBeOfType<Refusal.BadRequest>().Parameter.ShouldBe(field);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_call_is_one_event_with_the_providers_numbers(bool stream)
    {
        await using var scene = await LimitScene.StartAsync("- { code: tokens, scope: acme, meter: total_tokens, amount: \"100000\", window: { kind: day }, selector: { endpoints: [responses] } }");
        var answer = await scene.SendAsync("/v1/responses", $$"""{"model":"gpt-4o-mini","input":"hello there cached:40 reply:30 {{new string('x', 100)}}","max_output_tokens":50{{(stream ? ",\"stream\":true" : "")}}}""", LimitScene.Ada);
        answer.Status.ShouldBe(System.Net.HttpStatusCode.OK, answer.Text);
        var (it, log) = ((await scene.Gateway.EventsAsync(1)).Single(), scene.Provider.Served.Entries().Single());
        var usage = it.GetProperty("usage");
        (usage.GetProperty("input_tokens").GetInt64(), usage.GetProperty("cached_input_tokens").GetInt64(), usage.GetProperty("output_tokens").GetInt64()).ShouldBe((log.InputTokens, 40, 30));
        (it.GetProperty("route").GetString(), it.GetProperty("estimated").GetBoolean(), it.GetProperty("status").GetString()).ShouldBe(("/v1/responses", false, "completed"));
        await scene.SettledAsync("tokens", log.InputTokens + 30);
    }

    [Fact]
    public async Task Without_a_bound_the_largest_that_fits_is_put_in()
    {
        await using var scene = await LimitScene.StartAsync("- { code: out, scope: acme, meter: output_tokens, amount: \"700\", window: { kind: day } }");
        var answer = await scene.SendAsync("/v1/responses", """{"model":"gpt-4o-mini","input":"hello reply:5"}""", LimitScene.Ada);
        (answer.Status, answer.Header("x-quota-clamped")).ShouldBe((System.Net.HttpStatusCode.OK, "700"));
        scene.Provider.Served.Entries().Single().Bound.ShouldBe(700);
    }

    [Fact]
    public async Task A_stepwise_stream_ends_as_an_incomplete_response()
    {
        await using var scene = await LimitScene.StartAsync(
            "- { code: steps, scope: acme, meter: output_tokens, amount: \"600\", window: { kind: month }, hold: stepwise }", ("Limits__StepTokens", "64"));
        var answer = await scene.SendAsync("/v1/responses", """{"model":"gpt-4o-mini","input":"hello reply:16000 chunk:20 pace:10","stream":true,"max_output_tokens":16000}""", LimitScene.Ada);
        var last = answer.Text.Split("\n\n", StringSplitOptions.RemoveEmptyEntries)[^1];
        var response = JsonElement.Parse(last[(last.IndexOf("data: ", StringComparison.Ordinal) + 6)..]).GetProperty("response");
        response.GetProperty("status").GetString().ShouldBe("incomplete");
        var it = (await scene.Gateway.EventsAsync(1)).Single();
        it.GetProperty("status").GetString().ShouldBe("cut_off");
        await scene.SettledAsync("steps", response.GetProperty("usage").GetProperty("output_tokens").GetInt64());
    }

    private static ProviderRequest Read(string body) => ResponsesRequestReader.Read(Encoding.UTF8.GetBytes(body)).Request.ShouldNotBeNull();

    private static string PathOf(string name) => Path.Combine(Repository.Root, "tests/Quota.Gateway.Tests/Providers/Recordings", name + ".chunks.txt");

    private static byte[] BytesOf(string name) => Encoding.UTF8.GetBytes(string.Concat(File.ReadLines(PathOf(name)).Where(line => line.Length > 0)
        .Select(line => $"event: {JsonElement.Parse(line).GetProperty("type").GetString()}\ndata: {line}\n\n")));
}
