using System.Buffers;
using System.Text.Json;
using Quota.Gateway.Providers.Framing;
using Quota.Shared.Usage;

namespace Quota.Gateway.Providers.Anthropic;

/// <summary>
/// Usage of a streamed message (docs.claude.com/en/docs/build-with-claude/streaming): input stands in <c>message_start</c>, running totals in
/// every <c>message_delta</c>, and only <c>message_stop</c> says that the answer is whole.
/// </summary>
internal sealed class MessagesStreamUsage() : EventUsage<MessagesStreamUsage.Progress>(events => new SseEventReader(events))
{
    private byte[]? _startRaw, _deltaRaw;
    private MessagesUsage _usage;
    private bool _hasTotals;
    private long _searches;   // seen to be billed, until a total tells

    internal record struct Progress : IEventProgress
    {
        public long TextBytes { get; set; }

        public long TextEvents { get; set; }

        public bool HasBegun { get; set; }

        public int? OpenBlock { get; set; }
    }

    public override void WriteEnding(IBufferWriter<byte> output, UsageCounts counted)
    {
        var ending = new MessagesEnding(output);
        if (!Now.HasBegun)
            ending.Begin(ResponseModel, counted);
        if (Now.OpenBlock is { } block)
            ending.StopBlock(block);
        ending.Done(counted);
    }

    /// <summary>The client may see every event.</summary>
    protected override bool OnEvent(EventPiece piece)
    {
        try
        {
            Read(piece.Data);
        }
        catch (Exception problem) when (problem is JsonException or InvalidOperationException)
        {
            Now.TextBytes += piece.Data.Length;   // what cannot be read counts whole
        }
        return true;
    }

    private void Read(ReadOnlySpan<byte> data)
    {
        var json = new Utf8JsonReader(data);
        if (data.IndexOf("\"content_block_delta\""u8) >= 0 && MessagesDelta.TextBytes(ref json) is { } bytes)
        {
            Now.TextBytes += bytes;
            Now.TextEvents += bytes > 0 ? 1 : 0;
            return;
        }
        json = new Utf8JsonReader(data);
        if (!JsonElement.TryParseValue(ref json, out var parsed) || parsed is not { ValueKind: JsonValueKind.Object } it || !it.TryGetProperty("type", out var type) || type.ValueKind != JsonValueKind.String)
            return;
        switch (type.GetString())
        {
            case "message_start" when it.TryGetProperty("message", out var message) && message.ValueKind == JsonValueKind.Object:
                Now.HasBegun = true;
                if (message.TryGetProperty("model", out var model) && model.ValueKind == JsonValueKind.String && model.GetString() is { Length: > 0 and <= 256 } name)
                    ResponseModel = name;
                if (!_hasTotals)   // said twice by some: the same again, or less than is known
                    Take(message, ref _startRaw, isTotal: false);
                break;
            case "message_delta":
                Take(it, ref _deltaRaw, isTotal: true);
                break;
            case "content_block_start":
                Now.OpenBlock = it.TryGetProperty("index", out var index) && index.TryGetInt32(out var number) ? number : 0;
                if (it.TryGetProperty("content_block", out var block) && block.ValueKind == JsonValueKind.Object)
                    Begin(block);
                break;
            case "content_block_stop":
                Now.OpenBlock = null;
                break;
            case "message_stop":
                IsComplete = true;
                break;
        }
    }

    private void Begin(JsonElement block)
    {
        Now.TextBytes += MessagesDelta.TextBytesOf(block);
        if (!MessagesDelta.IsSearch(block))
            return;
        _searches++;   // billed even should the client not get to see it
        Know();
    }

    private void Know() => InputKnown = _usage.With(new MessagesUsage { Output = 0, WebSearches = Math.Max(_searches, _usage.WebSearches ?? 0) }).Counts;

    private void Take(JsonElement parent, ref byte[]? raw, bool isTotal)
    {
        if (!parent.TryGetProperty("usage", out var usage) || MessagesUsage.Of(usage) is not { } numbers)
            return;
        var text = System.Text.Encoding.UTF8.GetBytes(usage.GetRawText());
        if (text.Length > JsonFieldScanner.MaxValueBytes)
            return;
        raw = text;
        _usage = _usage.With(numbers);
        _hasTotals |= isTotal && numbers.Output is not null;
        ServiceTier = _usage.ServiceTier;
        Know();
        if (!_hasTotals)
            return;
        Usage = _usage.Counts;
        UsageRaw = Usage is null ? null : [.. "{\"message_start\":"u8, .. _startRaw ?? "null"u8.ToArray(), .. ",\"message_delta\":"u8, .. _deltaRaw!, (byte)'}'];
    }
}
