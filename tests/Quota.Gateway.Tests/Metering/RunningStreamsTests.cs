using System.Text;
using Quota.Gateway.Metering;
using Quota.Gateway.Providers.Anthropic;
using Quota.Gateway.Providers.OpenAi;
using Quota.Gateway.Spool;
using Quota.Shared.Usage;

namespace Quota.Gateway.Tests.Metering;

/// <summary>How far a stream is, as it is noted for the case that its gateway dies.</summary>
public sealed class RunningStreamsTests
{
    private const string MessageStart =
        """
        event: message_start
        data: {"type":"message_start","message":{"id":"m","model":"claude","usage":{"input_tokens":25,"cache_read_input_tokens":100,"output_tokens":1}}}


        """;

    [Fact]
    public void Output_is_counted_from_bytes_and_noted_when_it_moved()
    {
        var reader = new ChatStreamUsage(false, 1);
        var call = new SomeCall(reader).Meter;
        call.TakeProgress().ShouldBeNull("nothing came yet");
        reader.Feed("data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"eleven byte\"}}]}\n\n"u8, null);
        var first = call.TakeProgress()!;
        (first.Id, first.OutputTokens, first.Told).ShouldBe((call.Begin.Id, 3L, null));
        call.TakeProgress().ShouldBeNull("it did not move");
        reader.Feed("data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"two!\"}}]}\n\n"u8, null);
        call.TakeProgress()!.OutputTokens.ShouldBe(4);
        Charged(call, null).ShouldBe((9L, 0L));
        Charged(call, first).ShouldBe((9L, 3L));
    }

    [Fact]
    public void Input_is_the_providers_own_where_it_was_told()
    {
        var reader = new MessagesStreamUsage();
        var call = new SomeCall(reader).Meter;
        reader.Feed(Encoding.UTF8.GetBytes(MessageStart.ReplaceLineEndings("\n")), null);
        var started = call.TakeProgress()!;
        Charged(call, started).ShouldBe((125L, 0L));
        reader.Feed("event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"12345678\"}}\n\n"u8, null);
        var outcome = UsageEventComposer.Abandoned(call.Begin, call.TakeProgress());
        outcome.Usage.ShouldSatisfyAllConditions(
            it => (it.InputTokens, it.CachedInputTokens, it.OutputTokens, it.Requests).ShouldBe((125, 100, 2, 1)), it => (it.Images, it.BytesIn).ShouldBe((2, 77)));
        (outcome.Status, outcome.Estimated).ShouldBe((UsageStatus.Abandoned, true));
    }

    [Fact]
    public void It_is_never_more_than_the_upstream_was_bound_to()
    {
        var reader = new ChatStreamUsage(false, 1);
        var call = new SomeCall(reader, outputBound: 5).Meter;
        reader.Feed(Encoding.UTF8.GetBytes($"data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{new string('x', 400)}\"}}}}]}}\n\n"), null);
        call.TakeProgress()!.OutputTokens.ShouldBe(5);
    }

    [Fact]
    public void What_no_counter_holds_is_not_noted()
    {
        var reader = new MessagesStreamUsage();
        var call = new SomeCall(reader).Meter;
        reader.Feed(Encoding.UTF8.GetBytes(MessageStart.ReplaceLineEndings("\n").Replace(":25,", ":9000000000000000000,", StringComparison.Ordinal)), null);
        if (call.TakeProgress() is { } progress)
            UsageEventComposer.Compose(call.Begin, UsageEventComposer.Abandoned(call.Begin, progress), "gw", 1).Cost.ShouldNotBeNull();   // recovery must not fail on it
    }

    private static (long Input, long Output) Charged(CallMeter call, ProgressRecord? progress)
    {
        var usage = UsageEventComposer.Abandoned(call.Begin, progress).Usage;
        return (usage.InputTokens, usage.OutputTokens);
    }
}
