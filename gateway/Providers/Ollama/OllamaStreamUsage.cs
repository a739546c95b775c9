using System.Buffers;
using System.Text.Json;
using Quota.Gateway.Providers.Framing;
using Quota.Shared.Usage;

namespace Quota.Gateway.Providers.Ollama;

/// <summary>
/// Usage of a streamed answer (docs.ollama.com/api/streaming): an object a line, the last with <c>done: true</c> and the counts. An error in
/// mid-stream is a line with <c>error</c>, and no last one follows.
/// </summary>
/// <param name="isChat">Text stands in <c>message</c>; else in <c>response</c>.</param>
internal sealed class OllamaStreamUsage(bool isChat) : EventUsage<OllamaStreamUsage.Progress>(events => new LineEventReader(events))
{
    private byte[]? _createdAt;

    internal record struct Progress : IEventProgress
    {
        public long TextBytes { get; set; }

        public long TextEvents { get; set; }
    }

    /// <summary>A last line, as of an answer that reached its bound.</summary>
    public override void WriteEnding(IBufferWriter<byte> output, UsageCounts counted)
    {
        using (var json = new Utf8JsonWriter(output))
        {
            json.WriteStartObject();
            json.WriteString("model", ResponseModel ?? "");
            json.WritePropertyName("created_at");
            json.WriteRawValue(_createdAt ?? "\"1970-01-01T00:00:00Z\""u8, skipInputValidation: true);
            if (isChat)
            {
                json.WriteStartObject("message");
                json.WriteString("role", "assistant");
                json.WriteString("content", "");
                json.WriteEndObject();
            }
            else
                json.WriteString("response", "");
            json.WriteBoolean("done", true);
            json.WriteString("done_reason", "length");
            json.WriteNumber("prompt_eval_count", counted.InputTokens);
            json.WriteNumber("eval_count", counted.OutputTokens);
            json.WriteEndObject();
        }
        output.Write("\n"u8);
    }

    /// <summary>The client may see every line.</summary>
    protected override bool OnEvent(EventPiece piece)
    {
        var text = TextBytes(piece.Data);
        (Now.TextBytes, Now.TextEvents) = (Now.TextBytes + text, Now.TextEvents + (text > 0 ? 1 : 0));
        if (ResponseModel is not null && piece.Data.IndexOf("true"u8) < 0)
            return true;   // neither the first line nor the last: nothing but text in it matters
        var fields = new OllamaUsage();
        fields.Feed(piece.Data);
        ResponseModel ??= fields.ResponseModel;
        _createdAt ??= ModelName.Parse(fields.CreatedAt) is null ? null : fields.CreatedAt;
        if (!fields.IsDone)
            return true;
        IsComplete = true;
        Usage = fields.Counts();
        UsageRaw = Usage is null ? null : fields.Raw();
        return true;
    }

    /// <summary>Bytes of all that the model wrote into this line: text, thinking, names and arguments of tools. As they stand in JSON; what cannot be read counts whole.</summary>
    private static long TextBytes(ReadOnlySpan<byte> data)
    {
        var json = new Utf8JsonReader(data);
        var sum = 0L;
        try
        {
            if (!json.Read() || json.TokenType != JsonTokenType.StartObject)
                return data.Length;
            while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
            {
                var isText = json.ValueTextEquals("response"u8) || json.ValueTextEquals("thinking"u8);
                var isMessage = json.ValueTextEquals("message"u8);
                json.Read();
                if (isText && json.TokenType == JsonTokenType.String)
                    sum += json.ValueSpan.Length;
                else if (isMessage && json.TokenType == JsonTokenType.StartObject)
                    sum += MessageBytes(ref json);
                else
                    json.Skip();
            }
            return sum;
        }
        catch (Exception problem) when (problem is JsonException or InvalidOperationException)
        {
            return data.Length;
        }
    }

    private static long MessageBytes(ref Utf8JsonReader json)
    {
        var sum = 0L;
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            var isWritten = json.ValueTextEquals("content"u8) || json.ValueTextEquals("thinking"u8) || json.ValueTextEquals("tool_calls"u8);
            json.Read();
            var start = json.TokenStartIndex;
            json.Skip();
            if (isWritten && json.TokenType != JsonTokenType.Null)
                sum += json.BytesConsumed - start - (json.TokenType == JsonTokenType.String ? 2 : 0);
        }
        return sum;
    }
}
