using System.Buffers;
using System.Text.Json;
using Quota.Shared.Usage;

namespace Quota.Gateway.Providers.Anthropic;

/// <summary>
/// Ends a streamed message as Anthropic ends one that reached <c>max_tokens</c>: the open block stops, a <c>message_delta</c> says why and
/// how much, <c>message_stop</c>. One that has not begun begins first, empty.
/// </summary>
internal readonly ref struct MessagesEnding(IBufferWriter<byte> output)
{
    public void Begin(string? model, UsageCounts counted) => Write("message_start", json =>
    {
        json.WriteStartObject("message");
        json.WriteString("id", "msg_cut");
        json.WriteString("type", "message");
        json.WriteString("role", "assistant");
        json.WriteString("model", model ?? "");
        json.WriteStartArray("content");
        json.WriteEndArray();
        json.WriteNull("stop_reason");
        json.WriteNull("stop_sequence");
        json.WriteStartObject("usage");
        json.WriteNumber("input_tokens", counted.InputTokens);
        json.WriteNumber("output_tokens", 0);
        json.WriteEndObject();
        json.WriteEndObject();
    });

    public void StopBlock(int index) => Write("content_block_stop", json => json.WriteNumber("index", index));

    public void Done(UsageCounts counted)
    {
        Write("message_delta", json =>
        {
            json.WriteStartObject("delta");
            json.WriteString("stop_reason", "max_tokens");
            json.WriteNull("stop_sequence");
            json.WriteEndObject();
            json.WriteStartObject("usage");
            json.WriteNumber("output_tokens", counted.OutputTokens);
            json.WriteEndObject();
        });
        Write("message_stop", _ => { });
    }

    private void Write(string type, Action<Utf8JsonWriter> content)
    {
        output.Write("event: "u8);
        output.Write(System.Text.Encoding.ASCII.GetBytes(type));
        output.Write("\ndata: "u8);
        using (var json = new Utf8JsonWriter(output))
        {
            json.WriteStartObject();
            json.WriteString("type", type);
            content(json);
            json.WriteEndObject();
        }
        output.Write("\n\n"u8);
    }
}
