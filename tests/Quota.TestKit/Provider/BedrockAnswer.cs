using System.Buffers.Binary;
using System.Globalization;
using System.IO.Pipelines;
using System.Text;

namespace Quota.TestKit;

/// <summary>What Bedrock's streams have in common: messages of <c>application/vnd.amazon.eventstream</c>, written here by the specification and not by the gateway's code.</summary>
internal abstract class BedrockAnswer(ChatCall call, PipeWriter output) : Answer(call, output)
{
    /// <summary>One message of type <c>event</c>.</summary>
    protected void WriteEvent(string name, string payload)
    {
        byte[] headers = [.. Header(":event-type", name), .. Header(":content-type", "application/json"), .. Header(":message-type", "event")];
        var data = Encoding.UTF8.GetBytes(payload);
        var message = new byte[16 + headers.Length + data.Length];
        BinaryPrimitives.WriteInt32BigEndian(message, message.Length);
        BinaryPrimitives.WriteInt32BigEndian(message.AsSpan(4), headers.Length);
        BinaryPrimitives.WriteUInt32BigEndian(message.AsSpan(8), Crc(message.AsSpan(0, 8)));
        headers.CopyTo(message, 12);
        data.CopyTo(message, 12 + headers.Length);
        BinaryPrimitives.WriteUInt32BigEndian(message.AsSpan(message.Length - 4), Crc(message.AsSpan(0, message.Length - 4)));
        Write(message);
    }

    /// <summary>An event of an invoked model's own grammar.</summary>
    protected void WriteChunk(string json) => WriteEvent("chunk", $$"""{"bytes":"{{Convert.ToBase64String(Encoding.UTF8.GetBytes(json))}}","p":"abcdef"}""");

    /// <summary>What the last chunk of an invoked model says, whichever the model.</summary>
    protected string Metrics() => Call.Fault == ProviderFault.NoUsage ? "" : string.Create(CultureInfo.InvariantCulture,
        $",\"amazon-bedrock-invocationMetrics\":{{\"inputTokenCount\":{Call.PlainInputTokens},\"outputTokenCount\":{Call.OutputTokens},\"invocationLatency\":7,\"firstByteLatency\":3,"
        + $"\"cacheReadInputTokenCount\":{Call.CachedInputTokens},\"cacheWriteInputTokenCount\":{Call.CacheWriteTokens}}}");

    /// <summary>The text of that content chunk: its words are parted by one space, also from those before.</summary>
    protected string TextOf(int index)
    {
        var (from, to) = (TokensAfter(index), TokensAfter(index + 1));
        return to <= from ? "" : string.Concat(Enumerable.Repeat(" tick", to - from))[(from == 0 ? 1 : 0)..];
    }

    private static byte[] Header(string name, string value) => [(byte)name.Length, .. Encoding.ASCII.GetBytes(name), 7, 0, (byte)value.Length, .. Encoding.ASCII.GetBytes(value)];

    /// <summary>CRC-32 of IEEE 802.3, bit by bit.</summary>
    private static uint Crc(ReadOnlySpan<byte> bytes)
    {
        var crc = uint.MaxValue;
        foreach (var value in bytes)
        {
            crc ^= value;
            for (var bit = 0; bit < 8; bit++)
                crc = (crc & 1) == 0 ? crc >> 1 : (crc >> 1) ^ 0xEDB88320;
        }
        return ~crc;
    }
}

/// <summary>Writes Converse's answers: one text block, whole or as events.</summary>
internal sealed class ConverseAnswer(ChatCall call, PipeWriter output) : BedrockAnswer(call, output)
{
    private string StopReason => Call.IsCappedByBound ? "max_tokens" : "end_turn";

    /// <inheritdoc/>
    public override byte[] Json() => Whole(
        "{\"output\":{\"message\":{\"role\":\"assistant\",\"content\":[{\"text\":\"",
        "\"}]}},\"stopReason\":\"" + StopReason + "\"," + Usage() + "\"metrics\":{\"latencyMs\":7}}");

    /// <inheritdoc/>
    public override void WriteStart() => WriteEvent("messageStart", """{"role":"assistant","p":"abc"}""");

    /// <inheritdoc/>
    public override void WriteContent(int index) => WriteEvent("contentBlockDelta", $$$"""{"contentBlockIndex":0,"delta":{"text":"{{{TextOf(index)}}}"},"p":"abcdefgh"}""");

    /// <inheritdoc/>
    public override void WriteEnd()
    {
        WriteEvent("contentBlockStop", """{"contentBlockIndex":0,"p":"ab"}""");
        WriteEvent("messageStop", $$"""{"stopReason":"{{StopReason}}","p":"abcd"}""");
        WriteEvent("metadata", $$$"""{{{{Usage()}}}"metrics":{"latencyMs":7},"p":"abcde"}""");
    }

    private string Usage() => Call.Fault == ProviderFault.NoUsage ? "" : string.Create(CultureInfo.InvariantCulture,
        $"\"usage\":{{\"inputTokens\":{Call.PlainInputTokens},\"outputTokens\":{Call.OutputTokens},\"totalTokens\":{Call.InputTokens + Call.OutputTokens},"
        + $"\"cacheReadInputTokens\":{Call.CachedInputTokens},\"cacheWriteInputTokens\":{Call.CacheWriteTokens},\"cacheDetails\":["
        + $"{{\"ttl\":\"5m\",\"inputTokens\":{Call.CacheWriteTokens - Call.CacheWrite1hTokens}}},{{\"ttl\":\"1h\",\"inputTokens\":{Call.CacheWrite1hTokens}}}]}},");
}

/// <summary>Writes the answers of Anthropic's models that are invoked.</summary>
internal sealed class InvokedMessage(ChatCall call, string id, PipeWriter output) : BedrockAnswer(call, output)
{
    private readonly MessagesAnswer _message = new(call, id, output);

    /// <inheritdoc/>
    public override byte[] Json() => _message.Json();

    /// <inheritdoc/>
    public override void WriteStart()
    {
        WriteChunk($$$$"""{"type":"message_start","message":{"id":"{{{{id}}}}","type":"message","role":"assistant","model":"claude","content":[],"usage":{"input_tokens":{{{{Call.PlainInputTokens}}}},"cache_creation_input_tokens":{{{{Call.CacheWriteTokens}}}},"cache_read_input_tokens":{{{{Call.CachedInputTokens}}}},"output_tokens":1}}}""");
        WriteChunk("""{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}""");
    }

    /// <inheritdoc/>
    public override void WriteContent(int index) => WriteChunk($$$"""{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"{{{TextOf(index)}}}"}}""");

    /// <inheritdoc/>
    public override void WriteEnd()
    {
        WriteChunk("""{"type":"content_block_stop","index":0}""");
        WriteChunk($$$"""{"type":"message_delta","delta":{"stop_reason":"{{{(Call.IsCappedByBound ? "max_tokens" : "end_turn")}}}"},"usage":{"output_tokens":{{{Call.OutputTokens}}}}}""");
        WriteChunk($$"""{"type":"message_stop"{{Metrics()}}}""");
    }
}

/// <summary>Writes the answers of Llama that is invoked, whose body says nothing of a cache.</summary>
internal sealed class InvokedLlama(ChatCall call, PipeWriter output) : BedrockAnswer(call, output)
{
    private string StopReason => Call.IsCappedByBound ? "length" : "stop";

    /// <inheritdoc/>
    public override byte[] Json() => Whole("{\"generation\":\"", $"\",\"stop_reason\":\"{StopReason}\"}}");

    /// <inheritdoc/>
    public override void WriteStart()
    {
    }

    /// <inheritdoc/>
    public override void WriteContent(int index) => WriteChunk($$"""{"generation":"{{TextOf(index)}}","prompt_token_count":null,"generation_token_count":{{TokensAfter(index + 1)}},"stop_reason":null}""");

    /// <inheritdoc/>
    public override void WriteEnd() => WriteChunk($$"""{"generation":"","prompt_token_count":null,"generation_token_count":{{Call.OutputTokens}},"stop_reason":"{{StopReason}}"{{Metrics()}}}""");
}
