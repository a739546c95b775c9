using System.Buffers;
using System.Text;
using System.Text.Json;
using CsCheck;
using Quota.Gateway.Providers;
using Quota.Gateway.Providers.Gemini;
using Quota.Shared.Usage;
using Quota.TestKit;

namespace Quota.Gateway.Tests.Providers.Gemini;

/// <summary>Streams of content that are cut, broken off or answered by several candidates, in both framings; whole ones are in <see cref="RecordingsTests"/>.</summary>
public sealed class GenerateContentStreamUsageTests
{
    private static readonly string[] Elements =
    [
        """{"candidates":[{"content":{"parts":[{"text":"one"}],"role":"model"},"index":0}],"usageMetadata":{"promptTokenCount":9,"candidatesTokenCount":1,"totalTokenCount":60,"thoughtsTokenCount":50},"modelVersion":"m","responseId":"r"}""",
        """{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{"a":"b"}},"thoughtSignature":"c2ln"}],"role":"model"},"index":0}],"usageMetadata":{"promptTokenCount":9,"candidatesTokenCount":7,"totalTokenCount":66,"thoughtsTokenCount":50}}""",
        """{"candidates":[{"content":{"parts":[{"text":""}],"role":"model"},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":9,"candidatesTokenCount":8,"totalTokenCount":67,"thoughtsTokenCount":50}}""",
    ];

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Cut_before_any_element_it_ends_as_at_the_bound(bool isEvents)
    {
        var parts = Parts(isEvents, Elements);
        for (var cut = 0; cut < Elements.Length; cut++)
        {
            var (reader, kept, lost) = (new GenerateContentStreamUsage(isEvents, 1), new ArrayBufferWriter<byte>(), new ArrayBufferWriter<byte>());
            foreach (var part in parts[..cut])
                reader.Next(part, kept, out _).ShouldBe(EventStep.Whole);
            var (bytes, events) = (reader.OutputBytes, reader.TextEvents);
            reader.Next(parts[cut], lost, out _).ShouldBe(EventStep.Whole);
            reader.TakeBack().ShouldBeTrue();
            (reader.OutputBytes, reader.TextEvents).ShouldBe((bytes, events));
            reader.WriteEnding(kept, new UsageCounts { InputTokens = 9, CachedInputTokens = 4, OutputTokens = 55, ReasoningTokens = 50 });
            var elements = Read(isEvents, kept);
            elements.Length.ShouldBe(cut + 1);
            elements[..cut].Select(it => it.GetRawText()).ShouldBe(Elements[..cut]);
            var candidate = elements[^1].GetProperty("candidates").EnumerateArray().Single();
            (candidate.GetProperty("finishReason").GetString(), candidate.GetProperty("index").GetInt32()).ShouldBe(("MAX_TOKENS", 0));
            GenerateContentUsage.Parse(Encoding.UTF8.GetBytes(elements[^1].GetProperty("usageMetadata").GetRawText()))
                .ShouldBe(new UsageCounts { Requests = 1, InputTokens = 9, CachedInputTokens = 4, OutputTokens = 55, ReasoningTokens = 50 });
            if (cut > 0)
                elements[^1].GetProperty("responseId").GetString().ShouldBe("r");
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Broken_off_it_tells_what_was_used_at_least(bool isEvents)
    {
        var reader = new GenerateContentStreamUsage(isEvents, 1);
        foreach (var part in Parts(isEvents, Elements)[..2])
            reader.Feed(part, null);
        reader.End(null);
        (reader.Usage, reader.UsageRaw, reader.IsComplete).ShouldBe((null, null, false));
        reader.InputKnown.ShouldBe(new UsageCounts { Requests = 1, InputTokens = 9 });
        reader.TextEvents.ShouldBe(57);   // 50 thoughts that nobody saw, 7 tokens that were seen in two elements
        reader.OutputBytes.ShouldBe(3 + """{"name":"f","args":{"a":"b"}}""".Length + 64);
    }

    [Fact]
    public void Bytes_are_never_fewer_than_tokens_that_were_told()
    {
        var reader = new GenerateContentStreamUsage(isEvents: true, 1);
        reader.Feed(Parts(true, Elements)[0], null);
        reader.OutputBytes.ShouldBe(51);   // "one" has three
    }

    [Fact]
    public void It_is_whole_when_every_candidate_has_ended()
    {
        static string Element(int index, string finish, int total) =>
            $$$"""{"candidates":[{"content":{"parts":[{"text":"a"}]},{{{finish}}}"index":{{{index}}}}],"usageMetadata":{"promptTokenCount":1,"candidatesTokenCount":{{{total}}},"totalTokenCount":{{{total + 1}}}}}""";
        const string stop = "\"finishReason\":\"STOP\",";
        var reader = new GenerateContentStreamUsage(isEvents: false, 2);
        var parts = Parts(false, [Element(0, stop, 1), Element(1, "", 2), Element(1, stop, 3)]);
        reader.Feed(parts[0], null);
        reader.Feed(parts[1], null);
        reader.Usage.ShouldBeNull();
        var ending = new ArrayBufferWriter<byte>();
        reader.WriteEnding(ending, new UsageCounts { InputTokens = 1, OutputTokens = 2 });
        JsonElement.Parse(Encoding.UTF8.GetString(ending.WrittenSpan).TrimStart(',').TrimEnd(']')).GetProperty("candidates").EnumerateArray().Single().GetProperty("index").GetInt32().ShouldBe(1);   // the other has its own end
        reader.Feed(parts[2], null);
        reader.Usage.ShouldNotBeNull().OutputTokens.ShouldBe(3);
        reader.IsComplete.ShouldBeFalse();
        reader.Feed(parts[3], null);
        reader.IsComplete.ShouldBeTrue();
    }

    [Theory]
    [InlineData("{\"candidates\":[1,null,{\"content\":\"x\",\"index\":\"y\",\"finishReason\":3},{\"content\":{\"parts\":7}}]}")]
    [InlineData("{\"candidates\":{\"content\":1},\"usageMetadata\":{\"promptTokenCount\":-4},\"modelVersion\":9,\"promptFeedback\":[],\"responseId\":{}}")]
    [InlineData("{\"usageMetadata\":{\"promptTokenCount\":1,\"cachedContentTokenCount\":5}}")]
    [InlineData("{\"candidates\":[{")]
    [InlineData("7")]
    public void What_cannot_be_understood_is_not_reported(string element)
    {
        foreach (var isEvents in new[] { true, false })
        {
            var (reader, kept) = (new GenerateContentStreamUsage(isEvents, 1), new ArrayBufferWriter<byte>());
            var bytes = Parts(isEvents, [element]).SelectMany(it => it).ToArray();
            reader.Feed(bytes, kept);
            reader.End(kept);
            (reader.Usage, reader.IsComplete, kept.WrittenSpan.SequenceEqual(bytes)).ShouldBe((null, false, true));
        }
    }

    [Fact]
    public void Any_bytes_pass_as_they_are() => Gen.Select(Gen.Byte.Array[0, 400], Gen.Bool, Gen.Int[1, 50]).Sample(it =>
    {
        var (bytes, isEvents, size) = it;
        var (reader, kept) = (new GenerateContentStreamUsage(isEvents, 1), new ArrayBufferWriter<byte>());
        foreach (var piece in bytes.Chunk(size))
            reader.Feed(piece, kept);
        reader.End(kept);
        return kept.WrittenSpan.SequenceEqual(bytes);
    }, iter: LongForm.Pick(2_000, 100_000));

    private static byte[][] Parts(bool isEvents, string[] elements) => isEvents
        ? [.. elements.Select(it => Encoding.UTF8.GetBytes($"data: {it}\r\n\r\n"))]
        : [.. elements.Select((it, i) => Encoding.UTF8.GetBytes((i == 0 ? "[" : "\n,\r\n") + it)), "\n]\n"u8.ToArray()];

    private static JsonElement[] Read(bool isEvents, ArrayBufferWriter<byte> bytes)
    {
        var text = Encoding.UTF8.GetString(bytes.WrittenSpan);
        return isEvents ? [.. text.Split("\r\n\r\n", StringSplitOptions.RemoveEmptyEntries).Select(it => JsonElement.Parse(it["data: ".Length..]))] : [.. JsonElement.Parse(text).EnumerateArray()];
    }
}
