using System.Buffers;
using System.Text;
using System.Text.Json;
using CsCheck;
using Quota.Gateway.Providers;
using Quota.Gateway.Providers.Anthropic;
using Quota.Shared.Usage;
using Quota.TestKit;

namespace Quota.Gateway.Tests.Providers.Anthropic;

/// <summary>Recorded streams give the provider's numbers however the bytes are cut, and one that is cut short ends well-formed.</summary>
public sealed class MessagesStreamUsageTests
{
    /// <summary>By hand, from message_start and the last message_delta of each file: all input, output, the model that answered.</summary>
    public static TheoryData<string, long, long, string> Recordings => new()
    {
        { "anthropic--anthropic-text.chunks.txt", 12, 30, "claude-sonnet-4-5-20250929" },
        { "anthropic--anthropic-tool-no-args.chunks.txt", 565, 48, "claude-sonnet-4-5-20250929" },
        { "anthropic--anthropic-web-fetch-tool.1.chunks.txt", 4230, 446, "claude-sonnet-4-20250514" },
        { "anthropic--anthropic-refusal.chunks.txt", 18, 5, "claude-fable-5" },
        { "anthropic--duplicate-message-start.chunks.txt", 17, 227, "claude-3-haiku-20240307" },
        { "anthropic-sdk--basic_response.sse", 11, 6, "claude-3-opus-latest" },
        { "anthropic-sdk--tool_use_response.sse", 377, 65, "claude-sonnet-4-20250514" },
    };

    [Theory]
    [MemberData(nameof(Recordings))]
    public void Usage_is_the_providers_however_the_bytes_are_cut(string file, long input, long output, string model)
    {
        var bytes = BytesOf(file);
        var cuts = bytes.Length < 20_000 ? Enumerable.Range(0, bytes.Length + 1) : Enumerable.Range(0, 2_000).Select(i => (int)((long)i * bytes.Length / 2_000));
        foreach (var cut in cuts)
            Check([bytes[..cut], bytes[cut..]]);
        Check([.. bytes.Select(b => new[] { b })]);

        void Check(byte[][] pieces)
        {
            var (reader, kept) = (new MessagesStreamUsage(), new ArrayBufferWriter<byte>());
            foreach (var piece in pieces)
                reader.Feed(piece, kept);
            reader.End(kept);
            kept.WrittenSpan.SequenceEqual(bytes).ShouldBeTrue();   // nothing is hidden
            reader.IsComplete.ShouldBeTrue();
            reader.ResponseModel.ShouldBe(model);
            var usage = reader.Usage.ShouldNotBeNull();
            (usage.InputTokens, usage.CachedInputTokens, usage.CacheWriteTokens, usage.OutputTokens).ShouldBe((input, 0, 0, output));
            JsonElement.Parse(reader.UsageRaw!).GetProperty("message_delta").GetProperty("output_tokens").GetInt64().ShouldBe(output);
        }
    }

    [Theory]
    [InlineData("anthropic--anthropic-text.chunks.txt", 30)]
    [InlineData("anthropic--anthropic-tool-no-args.chunks.txt", 48)]
    [InlineData("anthropic--anthropic-web-fetch-tool.1.chunks.txt", 446)]
    [InlineData("anthropic-sdk--tool_use_response.sse", 65)]
    public void Bytes_bound_the_tokens_that_are_billed_even_for_a_call_of_a_tool_without_arguments(string file, long tokens)
    {
        var reader = new MessagesStreamUsage();
        reader.Feed(BytesOf(file), null);
        reader.OutputBytes.ShouldBeGreaterThan(tokens);
    }

    [Fact]
    public void Cache_reads_and_writes_are_input_each_apart()
    {
        var reader = Fed(
            """{"type":"message_start","message":{"model":"m","usage":{"input_tokens":5,"cache_creation_input_tokens":300,"cache_read_input_tokens":1000,"cache_creation":{"ephemeral_5m_input_tokens":100,"ephemeral_1h_input_tokens":200},"output_tokens":1}}}""",
            """{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":9}}""",
            """{"type":"message_stop"}""");
        reader.Usage.ShouldBe(new UsageCounts { Requests = 1, InputTokens = 1305, CachedInputTokens = 1000, CacheWriteTokens = 300, CacheWrite1hTokens = 200, OutputTokens = 9 });
    }

    [Fact]
    public void A_stream_that_breaks_off_is_billed_for_the_searches_that_found_something()
    {
        var reader = Fed(
            """{"type":"message_start","message":{"model":"m","usage":{"input_tokens":5,"output_tokens":1,"service_tier":"priority"}}}""",
            """{"type":"content_block_start","index":0,"content_block":{"type":"server_tool_use","id":"s1","name":"web_search","input":{}}}""",
            """{"type":"content_block_start","index":1,"content_block":{"type":"web_search_tool_result","tool_use_id":"s1","content":[]}}""",
            """{"type":"content_block_start","index":2,"content_block":{"type":"web_search_tool_result","tool_use_id":"s2","content":{"type":"web_search_tool_result_error","error_code":"unavailable"}}}""");
        (reader.Usage, reader.ServiceTier).ShouldBe((null, "priority"));
        reader.InputKnown.ShouldNotBeNull().ToolCalls.ShouldBe(new Dictionary<string, long> { ["web_search"] = 1 });
    }

    [Fact]
    public void A_stream_that_breaks_off_has_told_its_input()
    {
        var reader = Fed(
            """{"type":"message_start","message":{"model":"m","usage":{"input_tokens":5,"cache_read_input_tokens":1000,"output_tokens":1}}}""",
            """{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}""",
            """{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"half a"}}""",
            """{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}""");
        reader.Usage.ShouldBeNull();
        reader.IsComplete.ShouldBeFalse();
        reader.InputKnown.ShouldNotBeNull().InputTokens.ShouldBe(1005);
        (reader.OutputBytes, reader.TextEvents).ShouldBe((6, 1));
    }

    [Theory]
    [MemberData(nameof(Recordings))]
    public void Cut_before_any_event_it_ends_well_formed(string file, long input, long output, string model)
    {
        var events = Encoding.UTF8.GetString(BytesOf(file)).Split("\n\n", StringSplitOptions.RemoveEmptyEntries).Select(it => it + "\n\n").ToArray();
        for (var cut = 0; cut < events.Length; cut++)
        {
            var (reader, kept) = (new MessagesStreamUsage(), new ArrayBufferWriter<byte>());
            for (var i = 0; i < cut; i++)
                reader.Next(Encoding.UTF8.GetBytes(events[i]), kept, out _).ShouldBe(EventStep.Whole);
            var (before, text) = (kept.WrittenCount, reader.OutputBytes);
            reader.Next(Encoding.UTF8.GetBytes(events[cut]), kept, out _);
            reader.TakeBack().ShouldBeTrue();
            reader.OutputBytes.ShouldBe(text);
            var cutOff = new ArrayBufferWriter<byte>();
            cutOff.Write(kept.WrittenSpan[..before]);
            if (events[..cut].Any(it => it.Contains("message_stop", StringComparison.Ordinal)))
                continue;   // it has ended by itself
            reader.WriteEnding(cutOff, new UsageCounts { InputTokens = input, OutputTokens = 3 });
            CheckWellFormed(Encoding.UTF8.GetString(cutOff.WrittenSpan), $"{model} cut before event {cut} of {output} tokens");
        }
    }

    [Fact]
    public void Whatever_comes_it_never_throws_and_never_grows()
    {
        var sound = BytesOf("anthropic--anthropic-tool-no-args.chunks.txt");
        Gen.Select(Gen.Int[0, sound.Length - 1], Gen.Byte).Array[0, 60].Sample(edits =>
        {
            var bytes = sound.ToArray();
            foreach (var (at, value) in edits)
                bytes[at] = value;
            var reader = new MessagesStreamUsage();
            reader.Feed(bytes, null);
            reader.End(null);
            reader.OutputBytes.ShouldBeInRange(0, bytes.Length + 64 * 10);
            if (reader.Usage is { } usage)
                new[] { usage.InputTokens, usage.OutputTokens, usage.CachedInputTokens, usage.CacheWriteTokens }.ShouldAllBe(count => count >= 0);
        }, iter: LongForm.Pick(300, 20_000));
    }

    /// <summary>What a client of the Messages API relies on: begun once, every block begun is ended, why it stopped, and an end.</summary>
    private static void CheckWellFormed(string stream, string because)
    {
        int? open = null;
        List<string> types = [];
        foreach (var it in stream.Split("\n\n", StringSplitOptions.RemoveEmptyEntries))
        {
            var lines = it.Split('\n');
            var data = JsonElement.Parse(lines[^1]["data: ".Length..]);
            var type = data.GetProperty("type").GetString()!;
            lines[0].ShouldBe("event: " + type, because);
            types.Add(type);
            if (type == "content_block_start")
                open = data.GetProperty("index").GetInt32();
            if (type.StartsWith("content_block_", StringComparison.Ordinal))
                data.GetProperty("index").GetInt32().ShouldBe(open!.Value, because);
            if (type == "content_block_stop")
                open = null;
            if (type == "message_delta" && types.Count(it => it == "message_delta") == 1 && types.Contains("message_stop"))
                data.GetProperty("delta").GetProperty("stop_reason").GetString().ShouldBe("max_tokens", because);
        }
        types[0].ShouldBe("message_start", because);
        types[^1].ShouldBe("message_stop", because);
        types.ShouldContain("message_delta", because);
        open.ShouldBeNull(because);
    }

    private static MessagesStreamUsage Fed(params string[] events)
    {
        var reader = new MessagesStreamUsage();
        foreach (var it in events)
            reader.Feed(Encoding.UTF8.GetBytes(Framed(it)), null);
        return reader;
    }

    private static string Framed(string json) => $"event: {JsonElement.Parse(json).GetProperty("type").GetString()}\ndata: {json}\n\n";

    private static byte[] BytesOf(string file)
    {
        var path = Path.Combine(Repository.Root, "tests/Quota.Gateway.Tests/Providers/Recordings", file);
        return file.EndsWith(".sse", StringComparison.Ordinal) ? Encoding.UTF8.GetBytes(File.ReadAllText(path).TrimEnd() + "\n\n")
            : Encoding.UTF8.GetBytes(string.Concat(File.ReadAllLines(path).Where(line => line.Length > 0).Select(Framed)));
    }
}
