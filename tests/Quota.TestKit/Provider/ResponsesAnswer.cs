using System.Globalization;
using System.IO.Pipelines;
using System.Text;
using System.Text.Encodings.Web;

namespace Quota.TestKit;

/// <summary>
/// Writes OpenAI's responses: one message with one text, whole or as the events of a stream, which says the whole text again in each
/// of its last four events. What the request set, other than its model and its bound, is not repeated.
/// </summary>
internal sealed class ResponsesAnswer(ChatCall call, string id, long created, PipeWriter output) : Answer(call, output)
{
    private const string Item = "\"output_index\":0,";
    private const string Part = """{"type":"output_text","annotations":[],"logprobs":[],"text":" """;

    private readonly byte[] _deltaHead = Encoding.UTF8.GetBytes(Open("response.output_text.delta") + Place(id) + "\"delta\":\"");
    private int _sequence;

    private string Status => Call.IsCappedByBound ? "incomplete" : "completed";

    private string Usage => Call.Fault == ProviderFault.NoUsage ? "null" : string.Create(CultureInfo.InvariantCulture,
        $"{{\"input_tokens\":{Call.InputTokens},\"input_tokens_details\":{{\"cached_tokens\":{Call.CachedInputTokens}}},\"output_tokens\":{Call.OutputTokens},"
        + $"\"output_tokens_details\":{{\"reasoning_tokens\":0}},\"total_tokens\":{Call.InputTokens + Call.OutputTokens}}}");

    private string EndHead => Head(Status, Call.IsCappedByBound ? """{"reason":"max_output_tokens"}""" : "null") + MessageHead(Status) + PartHead;

    private string EndTail => "\"}" + MessageTail + Tail(Usage);

    private static string PartHead => Part.TrimEnd();

    private static string MessageTail => "],\"role\":\"assistant\"}";

    /// <inheritdoc/>
    public override byte[] Json() => Whole(EndHead, EndTail);

    /// <summary>The response twice, without output; the opened message; and its opened text.</summary>
    public override void WriteStart()
    {
        var response = "\"response\":" + Head("in_progress", "null") + Tail("null");
        WriteEvent("response.created", response);
        WriteEvent("response.in_progress", response);
        WriteEvent("response.output_item.added", Item + "\"item\":" + MessageHead("in_progress") + MessageTail);
        WriteEvent("response.content_part.added", Place(id) + "\"part\":" + PartHead + "\"}");
    }

    /// <inheritdoc/>
    public override void WriteContent(int index)
    {
        Write(_deltaHead);
        WriteText(index);
        Write(Encoding.ASCII.GetBytes("\",\"logprobs\":[]" + Close()));
    }

    /// <summary>The ends of text, part and message, each with the whole text, and the whole response with what it used.</summary>
    public override void WriteEnd()
    {
        WriteWhole("response.output_text.done", Place(id) + "\"text\":\"", "\",\"logprobs\":[]");
        WriteWhole("response.content_part.done", Place(id) + "\"part\":" + PartHead, "\"}");
        WriteWhole("response.output_item.done", Item + "\"item\":" + MessageHead(Status) + PartHead, "\"}" + MessageTail);
        WriteWhole("response." + Status, "\"response\":" + EndHead, EndTail);
    }

    private static string Open(string type) => $"event: {type}\ndata: {{\"type\":\"{type}\",";

    /// <summary>Where a text belongs.</summary>
    private static string Place(string id) => $"\"item_id\":\"msg_{id}\",{Item}\"content_index\":0,";

    private static string Tail(string usage) =>
        """],"parallel_tool_calls":true,"previous_response_id":null,"prompt_cache_key":null,"prompt_cache_retention":null,"""
        + """ "reasoning":{"effort":null,"summary":null},"safety_identifier":null,"service_tier":"default","store":true,"temperature":1.0,""".TrimStart()
        + """ "text":{"format":{"type":"text"},"verbosity":"medium"},"tool_choice":"auto","tools":[],"top_logprobs":0,"top_p":1.0,""".TrimStart()
        + $$$""" "truncation":"disabled","usage":{{{usage}}},"user":null,"metadata":{}}""".TrimStart();

    private string Head(string status, string incomplete)
    {
        var bound = Call.Bound?.ToString(CultureInfo.InvariantCulture) ?? "null";
        return string.Create(CultureInfo.InvariantCulture, $"{{\"id\":\"resp_{id}\",\"object\":\"response\",\"created_at\":{created},\"status\":\"{status}\",")
            + $"\"background\":false,\"error\":null,\"incomplete_details\":{incomplete},\"instructions\":null,\"max_output_tokens\":{bound},"
            + $"\"max_tool_calls\":null,\"model\":\"{JavaScriptEncoder.Default.Encode(Call.Model)}\",\"output\":[";
    }

    private string MessageHead(string status) => $"{{\"id\":\"msg_{id}\",\"type\":\"message\",\"status\":\"{status}\",\"content\":[";

    private string Close() => string.Create(CultureInfo.InvariantCulture, $",\"sequence_number\":{_sequence++}}}\n\n");

    private void WriteEvent(string type, string fields) => Write(Encoding.UTF8.GetBytes(Open(type) + fields + Close()));

    /// <summary>An event with the whole text between two pieces of it.</summary>
    private void WriteWhole(string type, string before, string after) => Write(Whole(Open(type) + before, after + Close()));
}
