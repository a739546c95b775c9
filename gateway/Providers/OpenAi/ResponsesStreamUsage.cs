using System.Buffers;
using System.Text.Json;
using Quota.Gateway.Providers.Framing;
using Quota.Shared.Usage;

namespace Quota.Gateway.Providers.OpenAi;

/// <summary>
/// Usage of a streamed response (platform.openai.com/docs/api-reference/responses-streaming): it stands in the last event, which holds the
/// whole response. Deltas of text, reasoning and arguments are what passes before.
/// </summary>
internal sealed class ResponsesStreamUsage() : EventUsage<ResponsesStreamUsage.Progress>(events => new SseEventReader(events))
{
    private byte[]? _created;   // the response as it began: what an ending is modelled on
    private long _sequence = -1;

    internal record struct Progress : IEventProgress
    {
        public long TextBytes { get; set; }

        public long TextEvents { get; set; }
    }

    public override void WriteEnding(IBufferWriter<byte> output, UsageCounts counted) => ResponsesEnding.Write(output, _created, ResponseModel, _sequence + 1, counted);

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

    /// <summary>Only whole responses are parsed to an object; of other events the fields in passing.</summary>
    private void Read(ReadOnlySpan<byte> data)
    {
        var json = new Utf8JsonReader(data);
        var (delta, isWhole, isBegin, isEnd) = (0L, false, false, false);
        var response = default(ReadOnlySpan<byte>);
        if (!json.Read() || json.TokenType != JsonTokenType.StartObject)
            return;
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            var (isType, isDelta, isResponse, isSequence) = (json.ValueTextEquals("type"u8), json.ValueTextEquals("delta"u8), json.ValueTextEquals("response"u8), json.ValueTextEquals("sequence_number"u8));
            json.Read();
            if (isType && json.TokenType == JsonTokenType.String)
            {
                isBegin = json.ValueTextEquals("response.created"u8);
                isEnd = json.ValueTextEquals("response.completed"u8) || json.ValueTextEquals("response.incomplete"u8);
                isWhole = isBegin || isEnd || json.ValueTextEquals("response.failed"u8);
            }
            else if (isDelta && json.TokenType == JsonTokenType.String)
            {
                delta = json.ValueSpan.Length;
                Text?.Add(json.ValueSpan);
            }
            else if (isSequence && json.TokenType == JsonTokenType.Number && json.TryGetInt64(out var number) && number is >= 0 and < int.MaxValue)
                _sequence = number;
            var begin = (int)json.TokenStartIndex;
            json.Skip();
            if (isResponse)
                response = data[begin..(int)json.BytesConsumed];
        }
        Now.TextBytes += delta;
        Now.TextEvents += delta > 0 ? 1 : 0;
        if (!isWhole || response.IsEmpty)
            return;
        if (isBegin && response.Length <= JsonFieldScanner.MaxValueBytes)
            _created = response.ToArray();
        Take(response, isBegin);
        IsComplete |= isEnd;
    }

    private void Take(ReadOnlySpan<byte> response, bool isBegin)
    {
        var json = new JsonFieldScanner("usage", "model", "service_tier");
        json.Feed(response);
        ResponseModel = ModelName.Parse(json.Value("model")) ?? ResponseModel;
        if (!isBegin)   // at first it is the one that was asked for
            ServiceTier = ModelName.Parse(json.Value("service_tier"));
        if (json.Value("usage") is { } raw && ResponsesUsage.Parse(raw) is { } usage)
            (Usage, UsageRaw) = (usage with { ToolCalls = ResponsesToolCalls.Count(response) }, raw);
    }
}
