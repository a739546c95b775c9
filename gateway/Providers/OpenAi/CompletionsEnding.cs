using System.Buffers;
using System.Text.Json;
using Quota.Shared.Usage;

namespace Quota.Gateway.Providers.OpenAi;

/// <summary>Ends streamed completions as OpenAI ends those that reached <c>max_tokens</c>; what all chunks share is taken from one that came before.</summary>
internal readonly ref struct CompletionsEnding
{
    private readonly IBufferWriter<byte> _output;
    private readonly ChunkHead _head;
    private readonly string? _model;
    private readonly bool _asksUsage;

    /// <param name="chunk">One that came before; null when there was none.</param>
    public CompletionsEnding(IBufferWriter<byte> output, byte[]? chunk, string? model, bool asksUsage) =>
        (_output, _head, _model, _asksUsage) = (output, new ChunkHead(chunk), model, asksUsage);

    public void Finish(int choice)
    {
        using var json = Begin();
        json.WriteStartArray("choices");
        json.WriteStartObject();
        json.WriteString("text", "");
        json.WriteNumber("index", choice);
        json.WriteNull("logprobs");
        json.WriteString("finish_reason", "length");
        json.WriteEndObject();
        json.WriteEndArray();
        if (_asksUsage)
            json.WriteNull("usage");
        End(json);
    }

    public void Done(UsageCounts counted)
    {
        if (_asksUsage)
        {
            using var json = Begin();
            json.WriteStartArray("choices");
            json.WriteEndArray();
            json.WriteStartObject("usage");
            json.WriteNumber("prompt_tokens", counted.InputTokens);
            json.WriteNumber("completion_tokens", counted.OutputTokens);
            json.WriteNumber("total_tokens", counted.InputTokens + counted.OutputTokens);
            json.WriteEndObject();
            End(json);
        }
        _output.Write("data: [DONE]\n\n"u8);
    }

    private Utf8JsonWriter Begin()
    {
        _output.Write("data: "u8);
        var json = new Utf8JsonWriter(_output);
        json.WriteStartObject();
        if (!_head.Copy(json, "id"))
            json.WriteString("id", "");
        json.WriteString("object", "text_completion");
        if (!_head.Copy(json, "created"))
            json.WriteNumber("created", 0);
        json.WriteString("model", _model ?? "");
        return json;
    }

    private void End(Utf8JsonWriter json)
    {
        json.WriteEndObject();
        json.Flush();
        _output.Write("\n\n"u8);
    }
}
