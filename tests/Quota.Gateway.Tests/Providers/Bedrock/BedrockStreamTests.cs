using System.Buffers;
using System.Text;
using CsCheck;
using Quota.Gateway.Providers;
using Quota.Gateway.Providers.Bedrock;
using Quota.Gateway.Tests.Providers.Framing;
using Quota.Shared.Usage;

namespace Quota.Gateway.Tests.Providers.Bedrock;

/// <summary>A stream that is cut before any of its events ends as Bedrock ends one that reached its bound; text is bounded; nothing throws.</summary>
public sealed class BedrockStreamTests
{
    private static readonly UsageCounts Counted = new() { Requests = 1, InputTokens = 112, CachedInputTokens = 70, CacheWriteTokens = 30, OutputTokens = 3 };

    [Theory]
    [InlineData("bedrock--model-stream", 82)]
    [InlineData("bedrock--thinking-part-stream", 73)]
    [InlineData("amazon-bedrock--amazon-bedrock-text", 55)]
    [InlineData("synthesised--bedrock-converse-cached", 40)]
    public void Cut_anywhere_a_conversation_ends_well_formed(string file, long tokens)
    {
        var whole = AwsMessages.Recorded(file);
        CutEverywhere(whole, () => new ConverseStreamUsage(), frames =>
        {
            frames[0].Name.ShouldBe("messageStart");
            frames[^1].Name.ShouldBe("metadata");
            frames.Count(it => it.Name == "messageStop").ShouldBe(1);
            frames[^2].Name.ShouldBe("messageStop");
            int? open = null;
            foreach (var frame in frames.Where(it => it.Name.StartsWith("contentBlock", StringComparison.Ordinal)))
            {
                var index = frame.Data.GetProperty("contentBlockIndex").GetInt32();
                (open ?? index).ShouldBe(index);
                open = frame.Name == "contentBlockStop" ? null : index;
            }
            open.ShouldBeNull();
        }, last =>
        {
            var usage = last.Data.GetProperty("usage");
            int Count(string field) => usage.GetProperty(field).GetInt32();
            (Count("inputTokens"), Count("cacheReadInputTokens"), Count("cacheWriteInputTokens"), Count("outputTokens"), Count("totalTokens")).ShouldBe((12, 70, 30, 3, 115));
        });
        var reader = new ConverseStreamUsage();
        reader.Feed(whole, null);
        reader.OutputBytes.ShouldBeGreaterThan(tokens);
    }

    [Theory]
    [InlineData("synthesised--bedrock-invoke-anthropic", "anthropic.claude-sonnet-4-5-20250929-v1:0", "\"stop_reason\":\"max_tokens\"")]
    [InlineData("synthesised--bedrock-invoke-llama", "meta.llama3-8b-instruct-v1:0", "\"stop_reason\":\"length\"")]
    [InlineData("synthesised--bedrock-invoke-nova", "amazon.nova-lite-v1:0", "\"stopReason\":\"max_tokens\"")]
    [InlineData("synthesised--bedrock-invoke-llama", "mistral.mistral-7b-instruct-v0:2", "\"stop_reason\":\"length\"")]
    [InlineData("synthesised--bedrock-invoke-llama", "cohere.command-r-v1:0", "\"finish_reason\":\"MAX_TOKENS\"")]
    [InlineData("synthesised--bedrock-invoke-llama", "openai.gpt-oss-20b-1:0", "\"finish_reason\":\"length\"")]
    [InlineData("synthesised--bedrock-invoke-llama", "amazon.titan-text-express-v1", "\"completionReason\":\"LENGTH\"")]
    public void So_does_an_invoked_models_stream_in_its_own_grammar(string file, string model, string reason) =>
        CutEverywhere(AwsMessages.Recorded(file), () => new InvokeStreamUsage(ModelFamily.Of(model)), frames =>
        {
            frames.ShouldAllBe(it => it.Name == "chunk");
            var said = string.Concat(frames.Select(it => it.Inner.GetRawText()));
            (said.Contains(reason, StringComparison.Ordinal) || said.Contains("\"end_turn\"", StringComparison.Ordinal)).ShouldBeTrue(said);
            foreach (var (begin, end) in new[] { ("content_block_start", "content_block_stop"), ("\"message_start\"", "\"message_stop\"") })
                said.Split(begin).Length.ShouldBe(said.Split(end).Length, said);
        }, last =>
        {
            var metrics = last.Inner.GetProperty("amazon-bedrock-invocationMetrics");
            (metrics.GetProperty("inputTokenCount").GetInt32(), metrics.GetProperty("outputTokenCount").GetInt32(), metrics.GetProperty("cacheReadInputTokenCount").GetInt32()).ShouldBe((12, 3, 70));
        });

    [Fact]
    public void Text_counts_in_every_kind_of_block_but_a_signature_does_not()
    {
        var reader = new ConverseStreamUsage();
        void Feed(string name, string json) => reader.Feed(AwsMessages.Event(name, json), null);
        Feed("contentBlockDelta", """{"contentBlockIndex":0,"delta":{"reasoningContent":{"text":"hmm"}},"p":"abcdefghijklm"}""");
        Feed("contentBlockDelta", """{"contentBlockIndex":0,"delta":{"reasoningContent":{"signature":"AAAAAAAAAAAAAAAA"}}}""");
        (reader.OutputBytes, reader.TextEvents).ShouldBe((3, 1));
        Feed("contentBlockStart", """{"contentBlockIndex":1,"start":{"toolUse":{"toolUseId":"tooluse_123","name":"tell"}}}""");
        reader.OutputBytes.ShouldBe(3 + 4 + 64);   // what frames the call of a tool is billed
        Feed("contentBlockDelta", """{"contentBlockIndex":1,"delta":{"toolUse":{"input":"{}"}}}""");
        Feed("contentBlockDelta", """{"contentBlockIndex":1,"delta":"no object"}""");
        (reader.OutputBytes, reader.TextEvents).ShouldBe((3 + 4 + 64 + 2 + 9, 3));
    }

    [Fact]
    public void A_stream_of_anthropics_that_breaks_off_has_told_its_input()
    {
        var frames = AwsMessages.Recorded("synthesised--bedrock-invoke-anthropic");
        var reader = new InvokeStreamUsage(null);
        reader.Feed(frames.AsSpan(0, frames.Length / 2), null);
        reader.End(null);
        reader.Usage.ShouldBeNull();
        var known = reader.InputKnown.ShouldNotBeNull();
        (known.InputTokens, known.CachedInputTokens, known.CacheWriteTokens, known.CacheWrite1hTokens).ShouldBe((16731, 14486, 2238, 238));
    }

    [Fact]
    public void Whatever_comes_nothing_throws_and_no_count_is_negative()
    {
        foreach (var (file, model) in new[] { ("synthesised--bedrock-converse-cached", null), ("synthesised--bedrock-invoke-anthropic", ""), ("synthesised--bedrock-invoke-nova", "amazon.nova-lite-v1:0") })
        {
            var payloads = AwsFrame.Of(AwsMessages.Recorded(file)).Select(it => (it.Name, Json: model is null ? it.Data.GetRawText() : it.Inner.GetRawText())).ToArray();
            Gen.Select(Gen.Int[0, payloads.Length - 1], Gen.Int[0, 1_000], Gen.Char[' ', '~']).Array[0, 30].Sample(edits =>
            {
                UsageReader reader = model is null ? new ConverseStreamUsage() : new InvokeStreamUsage(ModelFamily.Of(model));
                var texts = payloads.Select(it => it.Json.ToCharArray()).ToArray();
                foreach (var (payload, at, value) in edits)
                    texts[payload][at % texts[payload].Length] = value;
                for (var i = 0; i < texts.Length; i++)
                {
                    var json = new string(texts[i]);
                    reader.Feed(AwsMessages.Event(payloads[i].Name, model is null ? json : $$"""{"bytes":"{{Convert.ToBase64String(Encoding.UTF8.GetBytes(json))}}"}"""), null);
                }
                reader.End(null);
                reader.OutputBytes.ShouldBeGreaterThanOrEqualTo(0);
                if (reader.Usage is { } usage)
                    new[] { usage.InputTokens, usage.OutputTokens, usage.CachedInputTokens, usage.CacheWriteTokens }.ShouldAllBe(count => count >= 0);
            }, iter: 300);
        }
    }

    /// <summary>Takes back each event in turn, and looks at what the client gets instead of it and of all that follow.</summary>
    private static void CutEverywhere(byte[] whole, Func<UsageReader> make, Action<IReadOnlyList<AwsFrame>> check, Action<AwsFrame> checkLast)
    {
        var count = AwsFrame.Of(whole).Count;
        for (var cut = 0; cut < count; cut++)
        {
            var (reader, kept, at) = (make(), new ArrayBufferWriter<byte>(), 0);
            for (var i = 0; i <= cut; i++)
            {
                var (before, text) = (kept.WrittenCount, reader.OutputBytes);
                reader.Next(whole.AsSpan(at), kept, out var taken).ShouldBe(EventStep.Whole);
                at += taken;
                if (i < cut)
                    continue;
                reader.TakeBack().ShouldBeTrue();
                reader.OutputBytes.ShouldBe(text);
                var sent = new ArrayBufferWriter<byte>();
                sent.Write(kept.WrittenSpan[..before]);
                reader.WriteEnding(sent, Counted);
                var frames = AwsFrame.Of(sent.WrittenSpan.ToArray());
                check(frames);
                checkLast(frames[^1]);
            }
        }
    }
}
