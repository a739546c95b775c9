using System.Globalization;
using System.IO.Pipelines;
using System.Text;
using System.Text.Encodings.Web;

namespace Quota.TestKit;

/// <summary>Writes Anthropic's messages: one text block, whole or as the events of a stream.</summary>
internal sealed class MessagesAnswer(ChatCall call, string id, PipeWriter output) : Answer(call, output)
{
    private string StopReason => Call.IsCappedByBound ? "max_tokens" : "end_turn";

    /// <summary>Input that was neither read from the cache nor written to it comes first, and never contains the other two.</summary>
    private string InputCounts => string.Create(CultureInfo.InvariantCulture,
        $"\"input_tokens\":{Call.PlainInputTokens},\"cache_creation_input_tokens\":{Call.CacheWriteTokens},\"cache_read_input_tokens\":{Call.CachedInputTokens}");

    private string Searches => Call.WebSearches == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $$""","server_tool_use":{"web_search_requests":{{Call.WebSearches}},"web_fetch_requests":0}""");

    /// <inheritdoc/>
    public override byte[] Json() => Whole(
        Head("""[{"type":"text","text":" """.TrimEnd()),
        "\"}]," + Stop($"\"{StopReason}\"") + Usage(Call.OutputTokens, Searches) + "}");

    /// <summary>The empty message with what the input counts, the opened text block, and a ping, as Anthropic sends them.</summary>
    public override void WriteStart()
    {
        // One output token is already counted when the message starts.
        var message = Head("[],") + Stop("null") + Usage(Math.Min(1, Call.OutputTokens)) + "}";
        Write(Encoding.UTF8.GetBytes($$"""event: message_start{{'\n'}}data: {"type":"message_start","message":{{message}}}""" + "\n\n"));
        Write("event: content_block_start\n"u8);
        Write("""data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"""u8);
        Write("\n\nevent: ping\ndata: {\"type\": \"ping\"}\n\n"u8);
    }

    /// <inheritdoc/>
    public override void WriteContent(int index)
    {
        Write("event: content_block_delta\n"u8);
        Write("""data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":" """u8[..^1]);
        WriteText(index);
        Write("\"}}\n\n"u8);
    }

    /// <summary>The block's end, why the message ended and what it counts by then, and the message's end.</summary>
    public override void WriteEnd()
    {
        Write("event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n"u8);
        var usage = Call.Fault == ProviderFault.NoUsage ? ""
            : string.Create(CultureInfo.InvariantCulture, $$""","usage":{{{InputCounts}},"output_tokens":{{Call.OutputTokens}}{{Searches}}}""");
        Write("event: message_delta\n"u8);
        Write(Encoding.ASCII.GetBytes($$$"""data: {"type":"message_delta","delta":{{{{Stop($"\"{StopReason}\"")}}}}{{{usage}}}}""" + "\n\n"));
        Write("event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"u8);
    }

    private static string Stop(string reason) => $"\"stop_reason\":{reason},\"stop_sequence\":null";

    private string Head(string content) =>
        $$"""{"id":"{{id}}","type":"message","role":"assistant","model":"{{JavaScriptEncoder.Default.Encode(Call.Model)}}","content":""" + content;

    private string Usage(int outputTokens, string more = "") => Call.Fault == ProviderFault.NoUsage ? "" : string.Create(CultureInfo.InvariantCulture,
        $",\"usage\":{{{InputCounts},\"cache_creation\":{{\"ephemeral_5m_input_tokens\":{Call.CacheWriteTokens - Call.CacheWrite1hTokens},"
        + $"\"ephemeral_1h_input_tokens\":{Call.CacheWrite1hTokens}}},\"output_tokens\":{outputTokens},\"service_tier\":\"standard\"{more}}}");
}
