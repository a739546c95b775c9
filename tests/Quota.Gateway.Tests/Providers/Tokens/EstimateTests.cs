using System.Buffers;
using System.Text;
using Quota.Gateway.Metering;
using Quota.Gateway.Providers;
using Quota.Gateway.Providers.OpenAi;
using Quota.Gateway.Providers.Tokens;
using Quota.Gateway.Tests.Metering;
using Quota.Shared.Usage;
using static Quota.Gateway.Tests.Providers.ChatStreams;

namespace Quota.Gateway.Tests.Providers.Tokens;

/// <summary>Usage that does not come is counted from what passed: by the tokenizer where there is one, else four bytes a token.</summary>
public sealed class EstimateTests : IAsyncLifetime
{
    private const string Words = "antidisestablishmentarianism";   // 6 tokens of o200k_base (cookbook), 28 bytes

    public async ValueTask InitializeAsync() => await TokenCounter.Loading("gpt-4o")!;

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Theory]
    [InlineData("gpt-4o-mini", 60)]
    [InlineData("claude-sonnet-4-5", 70)]   // 280 bytes
    public async Task A_stream_that_breaks_off_counts_its_text(string model, long tokens) => (await EstimateAsync(new ChatStreamUsage(hidesUsage: true), model, Chats(10))).OutputTokens.ShouldBe(tokens);

    [Fact]
    public async Task Of_several_choices_all_text_counts() =>
        (await EstimateAsync(new ChatStreamUsage(hidesUsage: true, 2), "gpt-4o", Text([Content(0, Words + " "), Content(1, Words)]))).OutputTokens.ShouldBeInRange(12, 14);

    [Fact]
    public async Task Arguments_of_tools_and_thoughts_are_text() =>
        (await EstimateAsync(new ChatStreamUsage(hidesUsage: true), "gpt-4o", Chunk(Choice(0, $$"""{"reasoning_content":"{{Words}}\n","tool_calls":[{"index":0,"function":{"arguments":"{{Words}}"} }]}"""))))
            .OutputTokens.ShouldBe(13);

    [Fact]
    public async Task A_response_and_a_completion_count_alike()
    {
        var delta = $$"""{"type":"response.output_text.delta","sequence_number":1,"delta":"{{Words}}"}""";
        (await EstimateAsync(new ResponsesStreamUsage(), "gpt-4o", $"event: response.output_text.delta\ndata: {delta}\n\n")).OutputTokens.ShouldBe(6);
        (await EstimateAsync(new CompletionsStreamUsage(hidesUsage: false, 1, OpenAiLike.Of("openai")), "gpt-4o", $"data: {{\"choices\":[{{\"index\":0,\"text\":\"{Words}\"}}]}}\n\n")).OutputTokens.ShouldBe(6);
    }

    [Fact]
    public async Task An_event_with_text_is_a_token_at_least_and_the_bound_the_most()
    {
        (await EstimateAsync(new ChatStreamUsage(hidesUsage: true), "gpt-4o", Text([Content(0, "an"), Content(0, "ti"), Content(0, "dis"), Content(0, "e")]))).OutputTokens.ShouldBe(4);
        (await EstimateAsync(new ChatStreamUsage(hidesUsage: true), "gpt-4o", Chats(1000))).OutputTokens.ShouldBe(1000);
    }

    [Fact]
    public async Task An_event_that_is_taken_back_does_not_count()
    {
        var (reader, kept) = (new ChatStreamUsage(hidesUsage: true), new ArrayBufferWriter<byte>());
        var call = new SomeCall(reader, model: "gpt-4o");
        foreach (var it in new[] { Content(0, Words), Content(0, "more " + Words) })
            reader.Next(Encoding.UTF8.GetBytes(it.Text), kept, out _);
        reader.TakeBack().ShouldBeTrue();
        call.Meter.Counted.OutputTokens.ShouldBe(6);
        await call.Meter.EndAsync(UsageStatus.CutOff);
        call.Ends.Single().Usage.OutputTokens.ShouldBe(6);
    }

    [Fact]
    public async Task Text_beyond_what_is_kept_counts_four_bytes_a_token()
    {
        var long_ = Text(Enumerable.Repeat(Content(0, " " + string.Join(' ', Enumerable.Repeat("hello", 1000))), 60));   // 60 times 6,000 bytes, 1,000 tokens
        var call = new SomeCall(new ChatStreamUsage(hidesUsage: true), model: "gpt-4o", outputBound: 1_000_000);
        call.Meter.Reader.Feed(Encoding.UTF8.GetBytes(long_), null);
        await call.Meter.EndAsync(UsageStatus.CutOff);
        var whole = (KeptText.MostBytes - 2) / 6000;
        call.Ends.Single().Usage.OutputTokens.ShouldBe(whole * 1000 + (60 - whole) * 1500);
    }

    [Fact]
    public async Task Input_that_no_provider_told_is_asked_for()
    {
        var call = new SomeCall(new ChatStreamUsage(hidesUsage: true), model: "gpt-4o", countInput: () => 5);
        await call.Meter.EndAsync(UsageStatus.Cancelled);
        call.Ends.Single().Usage.InputTokens.ShouldBe(5);
        var unknown = new SomeCall(new ChatStreamUsage(hidesUsage: true), model: "gpt-4o", countInput: () => null);
        await unknown.Meter.EndAsync(UsageStatus.Cancelled);
        unknown.Ends.Single().Usage.InputTokens.ShouldBe(9);   // its bytes, by four
    }

    /// <summary>A stream of 98 kB. Nothing but the keeper itself is new: its buffer is rented.</summary>
    [Fact]
    public void Keeping_text_takes_no_memory_to_speak_of()
    {
        var bytes = Encoding.UTF8.GetBytes(Text(Enumerable.Repeat(Content(0, "hello "), 98_000 / Content(0, "hello ").Text.Length)));
        (AllocatedBy(bytes, "gpt-4o") - AllocatedBy(bytes, "some-model")).ShouldBeLessThan(100);
    }

    private static long AllocatedBy(byte[] stream, string model)
    {
        var least = long.MaxValue;
        for (var round = 0; round < 20; round++)
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            var reader = new ChatStreamUsage(hidesUsage: true);
            using var text = reader.KeepTextOf(model);
            reader.Feed(stream, null);
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }
        return least;
    }

    private static async Task<UsageCounts> EstimateAsync(UsageReader reader, string model, string stream)
    {
        var call = new SomeCall(reader, model: model);
        reader.Feed(Encoding.UTF8.GetBytes(stream), null);
        await call.Meter.EndAsync(UsageStatus.CutOff);
        call.Ends.Single().Estimated.ShouldBeTrue();
        return call.Ends.Single().Usage;
    }

    /// <summary>So many words, one a line, each a chunk.</summary>
    private static string Chats(int words) => Text(Enumerable.Repeat(Content(0, Words), words));
}
