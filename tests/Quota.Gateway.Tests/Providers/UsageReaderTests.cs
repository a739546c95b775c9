using System.Buffers;
using System.Text;
using CsCheck;
using Quota.Gateway.Providers;
using Quota.Gateway.Providers.Framing;
using Quota.Gateway.Providers.OpenAi;
using Quota.TestKit;

namespace Quota.Gateway.Tests.Providers;

/// <summary>Usage is read the same however the bytes are cut, and only the chunk that must stay hidden is hidden.</summary>
public sealed class UsageReaderTests
{
    private const string Json = """
        {"id":"chatcmpl-1","object":"chat.completion","model":"gpt-4o-mini-2024-07-18","choices":[{"index":0,"message":{"role":"assistant",
        "content":"A \"usage\": {\"prompt_tokens\":999} in text, a brace } and a backslash \\"},"finish_reason":"stop","usage":{"prompt_tokens":1}}],
        "usage": {"prompt_tokens":11,"completion_tokens":7,"total_tokens":18,"prompt_tokens_details":{"cached_tokens":4},"completion_tokens_details":{"reasoning_tokens":2}} ,"service_tier":"default"}
        """;

    private static readonly string Stream = string.Concat(
        Event("""{"id":"c","model":"gpt-4o-mini-2024-07-18","choices":[{"index":0,"delta":{"role":"assistant","content":""}}],"usage":null}"""),
        Event("""{"id":"c","model":"gpt-4o-mini-2024-07-18","choices":[{"index":0,"delta":{"content":"say \"usage\" ünïcode"}}],"usage":null}"""),
        ": a comment\n\n",
        Event("""{"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":null}"""),
        Event("""{"id":"c","choices":[],"usage":{"prompt_tokens":11,"completion_tokens":7,"total_tokens":18,"prompt_tokens_details":{"cached_tokens":4}}}"""),
        "data: [DONE]\n\n");

    private static string Event(string data) => $"data: {data}\n\n";

    [Fact]
    public void Json_usage_is_read_at_every_cut()
    {
        var bytes = Encoding.UTF8.GetBytes(Json);
        for (var cut = 0; cut <= bytes.Length; cut++)
            CheckJson(bytes.AsSpan(0, cut), bytes.AsSpan(cut));
        var single = new JsonUsage(ChatUsage.Parse);
        foreach (var b in bytes)
            single.Feed([b], null);
        CheckJson(single);
    }

    private static void CheckJson(ReadOnlySpan<byte> first, ReadOnlySpan<byte> second)
    {
        var reader = new JsonUsage(ChatUsage.Parse);
        reader.Feed(first, null);
        reader.Feed(second, null);
        CheckJson(reader);
    }

    private static void CheckJson(UsageReader reader)
    {
        reader.IsComplete.ShouldBeTrue();
        reader.ResponseModel.ShouldBe("gpt-4o-mini-2024-07-18");
        reader.Usage.ShouldNotBeNull().ShouldBe(new() { Requests = 1, InputTokens = 11, CachedInputTokens = 4, OutputTokens = 7, ReasoningTokens = 2 });
        Encoding.UTF8.GetString(reader.UsageRaw!).Trim().ShouldStartWith("{\"prompt_tokens\":11");
    }

    [Theory]
    [InlineData("\n")]
    [InlineData("\r\n")]
    public void Stream_usage_is_read_and_hidden_at_every_cut(string newline)
    {
        var bytes = Encoding.UTF8.GetBytes(Stream.Replace("\n", newline, StringComparison.Ordinal));
        var shown = Stream.Replace(Event("""{"id":"c","choices":[],"usage":{"prompt_tokens":11,"completion_tokens":7,"total_tokens":18,"prompt_tokens_details":{"cached_tokens":4}}}"""), "", StringComparison.Ordinal)
            .Replace("\n", newline, StringComparison.Ordinal);
        for (var cut = 0; cut <= bytes.Length; cut++)
            CheckStream(shown, bytes[..cut], bytes[cut..]);
        CheckStream(shown, [.. bytes.Select(b => new[] { b })]);
    }

    [Fact]
    public void Stream_usage_is_read_in_any_pieces()
    {
        var bytes = Encoding.UTF8.GetBytes(Stream);
        Gen.Int[1, 90].Array[1, 200].Sample(sizes =>
        {
            var (pieces, at) = (new List<byte[]>(), 0);
            for (var i = 0; at < bytes.Length; i++)
            {
                var size = Math.Min(sizes[i % sizes.Length], bytes.Length - at);
                pieces.Add(bytes[at..(at + size)]);
                at += size;
            }
            CheckStream(null, [.. pieces]);
        }, iter: 200);
    }

    private static void CheckStream(string? shown, params byte[][] pieces)
    {
        var (hiding, open) = (new ChatStreamUsage(hidesUsage: true), new ChatStreamUsage(hidesUsage: false));
        var kept = new ArrayBufferWriter<byte>();
        foreach (var piece in pieces)
        {
            hiding.Feed(piece, kept);
            open.Feed(piece, null);
        }
        hiding.End(kept);
        foreach (var reader in new[] { hiding, open })
        {
            reader.IsComplete.ShouldBeTrue();
            reader.ResponseModel.ShouldBe("gpt-4o-mini-2024-07-18");
            reader.Usage.ShouldBe(new() { Requests = 1, InputTokens = 11, CachedInputTokens = 4, OutputTokens = 7 });
        }
        var text = Encoding.UTF8.GetString(kept.WrittenSpan);
        text.ShouldNotContain("\"choices\":[]");
        if (shown is not null)
            text.ShouldBe(shown);
    }

    [Fact]
    public void An_event_beyond_every_bound_passes_unread_and_the_next_is_read()
    {
        var huge = Event("{\"choices\":[{\"delta\":{\"content\":\"" + new string('x', SseEventReader.MaxEventBytes) + "\"}}]}");
        var bytes = Encoding.UTF8.GetBytes(huge + Stream);
        var reader = new ChatStreamUsage(hidesUsage: true);
        var kept = new ArrayBufferWriter<byte>();
        foreach (var piece in bytes.Chunk(4096))
            reader.Feed(piece, kept);
        reader.End(kept);
        reader.Usage.ShouldNotBeNull().InputTokens.ShouldBe(11);
        Encoding.UTF8.GetString(kept.WrittenSpan[..huge.Length]).ShouldBe(huge);
    }

    [Theory]
    [InlineData("{\"usage\":{\"prompt_tokens\":-1}}")]
    [InlineData("{\"usage\":{\"prompt_tokens\":99999999999999999999}}")]
    [InlineData("{\"usage\":{\"prompt_tokens\":1,\"prompt_tokens_details\":{\"cached_tokens\":2}}}")]
    [InlineData("{\"usage\":\"none\"}")]
    [InlineData("{\"usage\":null}")]
    [InlineData("{\"usage\":[1,2]}")]
    [InlineData("<html>not json</html>")]
    [InlineData("{\"usage\":{\"prompt_tokens\":")]
    public void Usage_that_cannot_be_right_is_not_reported(string body)
    {
        var reader = new JsonUsage(ChatUsage.Parse);
        reader.Feed(Encoding.UTF8.GetBytes(body), null);
        reader.Usage.ShouldBeNull();
    }

    [Theory]
    [InlineData("openai--openai-text", "gpt-4.1-nano-2025-04-14", 16, 0, 300, 0)]
    [InlineData("openai--azure-model-router.1", "gpt-5-nano-2025-08-07", 15, 0, 78, 64)]
    [InlineData("deepseek--deepseek-tool-call", "deepseek-reasoner", 339, 320, 83, 39)]
    [InlineData("groq--groq-tool-call", "llama-3.3-70b-versatile", 210, 0, 15, 0)]
    [InlineData("mistral--mistral-text", "mistral-small-latest", 13, 0, 8, 0)]
    [InlineData("openai-compatible--xai-tool-call", "grok-3-mini", 307, 306, 253, 227)]   // xAI counts reasoning beside completion_tokens
    public void Recordings_are_read_one_byte_at_a_time(string name, string model, long input, long cached, long output, long reasoning)
    {
        var lines = File.ReadLines(Path.Combine(Repository.Root, "tests/Quota.Gateway.Tests/Providers/Recordings", name + ".chunks.txt"));
        var bytes = Encoding.UTF8.GetBytes(string.Concat(lines.Where(line => line.Length > 0).Select(Event)) + "data: [DONE]\n\n");
        var reader = new ChatStreamUsage(hidesUsage: false);
        foreach (var b in bytes)
            reader.Feed([b], null);
        reader.IsComplete.ShouldBeTrue();
        reader.ResponseModel.ShouldBe(model);
        reader.Usage.ShouldBe(new() { Requests = 1, InputTokens = input, CachedInputTokens = cached, OutputTokens = output, ReasoningTokens = reasoning });
    }
}
