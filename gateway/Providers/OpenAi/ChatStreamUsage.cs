using System.Buffers;
using System.Text.Json;
using Quota.Gateway.Providers.Framing;
using Quota.Shared.Usage;

namespace Quota.Gateway.Providers.OpenAi;

/// <summary>
/// Usage of a streamed chat completion. It stands in one chunk after the last choice (<c>"choices":[]</c>); copies of OpenAI put it into
/// a chunk with choices, which is then never hidden. Of other chunks only the deltas are parsed.
/// </summary>
/// <param name="like">Whose words usage is in; OpenAI's without it.</param>
/// <param name="toolCalls">What the provider runs once for such a call and its usage does not tell: a search.</param>
internal sealed class ChatStreamUsage(bool hidesUsage, int choices = 1, OpenAiLike? like = null, IReadOnlyDictionary<string, long>? toolCalls = null) : EventUsage<ChatStreamUsage.Progress>(events => new SseEventReader(events))
{
    private readonly OpenAiLike _like = like ?? OpenAiLike.Of("openai");
    private ArrayBufferWriter<byte>? _lastChunk;   // only of streams that may be cut: what an ending is modelled on
    private ChatChunkShape _shape;

    /// <summary>A bit for each choice.</summary>
    internal record struct Progress : IEventProgress
    {
        public UInt128 Begun, Finished;

        public long TextBytes { get; set; }

        public long TextEvents { get; set; }
    }

    public override EventStep Next(ReadOnlySpan<byte> data, IBufferWriter<byte> kept, out int taken)
    {
        _lastChunk ??= new ArrayBufferWriter<byte>();
        if (!IsJson(Events.Rest.IsEmpty ? data : Events.Rest))
            return base.Next(data, kept, out taken);
        Feed(data, kept);
        taken = data.Length;
        return EventStep.More;
    }

    public override EventStep End(IBufferWriter<byte>? kept)
    {
        _lastChunk ??= new ArrayBufferWriter<byte>();
        var isJson = IsJson(Events.Rest);
        if (isJson)
            ReadJson(Events.Rest);
        var step = base.End(kept);
        return isJson ? EventStep.More : step;
    }

    public override void WriteEnding(IBufferWriter<byte> output, UsageCounts counted)
    {
        var ending = new ChatEnding(output, _lastChunk is null ? default : _lastChunk.WrittenSpan, ResponseModel, asksUsage: !hidesUsage);
        for (var choice = 0; choice < choices; choice++)
        {
            if ((Now.Finished & Bit(choice)) == 0)
                ending.Finish(choice, (Now.Begun & Bit(choice)) != 0);
        }
        ending.Done(counted);
    }

    protected override int TakeRun(ReadOnlySpan<byte> data)
    {
        if (_lastChunk is not null)
            return 0;
        var said = (Now.TextBytes, Now.TextEvents);
        var taken = _shape.TakeRun(data, Text, ref said);
        (Now.TextBytes, Now.TextEvents) = said;
        return taken;
    }

    /// <summary>Answers whether the client may see the event.</summary>
    protected override bool OnEvent(EventPiece piece)
    {
        var data = piece.Data;
        var said = (Now.TextBytes, Now.TextEvents);
        if (_lastChunk is null && _shape.Take(data, Text, ref said))
        {
            (Now.TextBytes, Now.TextEvents) = said;
            return true;
        }
        if (data.SequenceEqual("[DONE]"u8))
        {
            IsComplete = true;
            _shape.Forget();
            return true;
        }
        ResponseModel ??= FindText(data, "\"model\":"u8);
        ServiceTier ??= FindText(data, "\"service_tier\":"u8);
        var bytes = ChatDelta.TextBytes(data, out var hasDelta, Text);
        if (bytes > 0)
            (Now.TextBytes, Now.TextEvents) = (Now.TextBytes + bytes, Now.TextEvents + 1);
        var hasFinish = false;
        if (choices > 1)
            ChatDelta.ReadChoices(data, choices, ref Now.Begun, ref Now.Finished);
        else
        {
            Now.Begun |= hasDelta ? UInt128.One : 0;
            hasFinish = ChatDelta.HasFinish(data);
            Now.Finished |= hasFinish ? UInt128.One : 0;
        }
        if (_lastChunk is not null && hasDelta)
        {
            _lastChunk.ResetWrittenCount();
            _lastChunk.Write(data);
        }
        if (!HoldsUsage(data))
        {
            if (hasDelta && !hasFinish && choices == 1 && _lastChunk is null && !IsComplete)
                _shape.Learn(data, bytes);
            return true;
        }
        var isShown = ReadUsage(data);
        if (toolCalls is not null && Usage is { ToolCalls: null } counts)
            Usage = counts with { ToolCalls = toolCalls };
        return isShown;
    }

    /// <summary>An upstream that does not stream answers with one JSON object all the same. It cannot be cut.</summary>
    private bool IsJson(ReadOnlySpan<byte> start) => Now == default && start.TrimStart(" \r\n\t"u8) is [(byte)'{', ..];

    private void ReadJson(ReadOnlySpan<byte> body)
    {
        var json = new JsonUsage(_like.Usage, _like.Cost);
        json.Feed(body, null);
        (Usage, UsageRaw, ProviderCost, ResponseModel, ServiceTier, IsComplete) = (json.Usage, json.UsageRaw, json.ProviderCost, json.ResponseModel, json.ServiceTier, json.IsComplete);
        Now.TextBytes = json.OutputBytes;
    }

    private static UInt128 Bit(int choice) => UInt128.One << choice;

    /// <summary>
    /// Whether there is a usage that is not null. The bytes <c>"usage"</c> can stand in a JSON string only as all of it, and then no
    /// object follows: quotes inside are escaped.
    /// </summary>
    private static bool HoldsUsage(ReadOnlySpan<byte> data)
    {
        for (var at = data.IndexOf("\"usage\""u8); at >= 0; at = data.IndexOf("\"usage\""u8))
        {
            data = data[(at + 7)..];
            if (data.TrimStart(" \t:"u8) is [(byte)'{', ..])
                return true;
        }
        return false;
    }

    private bool ReadUsage(ReadOnlySpan<byte> data)
    {
        try
        {
            var (usage, isUsageChunk) = UsageIn(data);
            if (usage is not { } at)
                return true;
            if (at.Length > JsonFieldScanner.MaxValueBytes)
                return !(hidesUsage && isUsageChunk);
            var raw = data.Slice(at.At, at.Length).ToArray();
            if (_like.Usage(raw) is { } counts)
                (Usage, UsageRaw, ProviderCost) = (counts, raw, _like.Cost?.Invoke(raw) ?? ProviderCost);   // a later one replaces an earlier one: some send running totals
            return !(hidesUsage && isUsageChunk);
        }
        catch (Exception problem) when (problem is JsonException or InvalidOperationException)
        {
            return true;
        }
    }

    /// <summary>Where a chunk's usage stands, at its root or else inside of what a copy of OpenAI puts around it, and whether the chunk is of nothing else.</summary>
    private (BodyRange? Usage, bool IsUsageChunk) UsageIn(ReadOnlySpan<byte> data)
    {
        BodyRange? usage = null, inside = null;
        var isUsageChunk = false;
        var json = new Utf8JsonReader(data);
        json.Read();
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            var (isUsage, isChoices, isAround) = (json.ValueTextEquals("usage"u8), json.ValueTextEquals("choices"u8), _like.UsageInside is { } around && json.ValueTextEquals(around));
            json.Read();
            if (isChoices)
            {
                var first = json;
                isUsageChunk = json.TokenType == JsonTokenType.StartArray && first.Read() && first.TokenType == JsonTokenType.EndArray;
            }
            if (isAround && json.TokenType == JsonTokenType.StartObject)
                inside = UsageInside(json) ?? inside;
            var start = (int)json.TokenStartIndex;
            var isObject = json.TokenType == JsonTokenType.StartObject;
            json.Skip();
            if (isUsage)
                usage = isObject ? new BodyRange(start, (int)json.BytesConsumed - start) : null;
        }
        return (usage ?? inside, isUsageChunk);
    }

    private static BodyRange? UsageInside(Utf8JsonReader json)
    {
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            var isUsage = json.ValueTextEquals("usage"u8);
            json.Read();
            var start = (int)json.TokenStartIndex;
            var isObject = json.TokenType == JsonTokenType.StartObject;
            json.Skip();
            if (isUsage && isObject)
                return new BodyRange(start, (int)json.BytesConsumed - start);
        }
        return null;
    }

    /// <summary>A field's short text, such as the model's name; it stands before any text that could hold the same bytes, and quotes in text are escaped anyway.</summary>
    private static string? FindText(ReadOnlySpan<byte> data, ReadOnlySpan<byte> field)
    {
        var at = data.IndexOf(field);
        if (at < 0)
            return null;
        var value = data[(at + field.Length)..].TrimStart((byte)' ');
        if (value is not [(byte)'"', ..])
            return null;
        for (var i = 1; i < value.Length; i++)
        {
            if (value[i] == '\\')
                i++;
            else if (value[i] == '"')
                return ModelName.Parse(value[..(i + 1)]);
        }
        return null;
    }
}
