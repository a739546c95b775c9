using System.Buffers;
using System.Text.Json;
using Quota.Shared.Usage;

namespace Quota.Gateway.Providers.OpenAi;

/// <summary>
/// Ends a streamed chat as OpenAI ends one that reached its bound: a chunk with <c>finish_reason: "length"</c> for every open choice, the
/// usage chunk for a client that asked for it, <c>[DONE]</c>. What all chunks of a stream share is taken from one that came before.
/// </summary>
internal readonly ref struct ChatEnding
{
    private readonly IBufferWriter<byte> _output;
    private readonly ChunkHead _head;
    private readonly string? _model;
    private readonly bool _asksUsage;

    public ChatEnding(IBufferWriter<byte> output, ReadOnlySpan<byte> chunk, string? model, bool asksUsage) =>
        (_output, _head, _model, _asksUsage) = (output, new ChunkHead(chunk), model, asksUsage);

    /// <summary>Finishes a choice. One that has not begun gets its role first, without which the SDKs do not take it for a message.</summary>
    public void Finish(int choice, bool hasBegun)
    {
        using var json = Begin();
        json.WriteStartArray("choices");
        json.WriteStartObject();
        json.WriteNumber("index", choice);
        json.WriteStartObject("delta");
        if (!hasBegun)
        {
            json.WriteString("role", "assistant");
            json.WriteString("content", "");
        }
        json.WriteEndObject();
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
            WriteUsage(counted);
        _output.Write("data: [DONE]\n\n"u8);
    }

    private void WriteUsage(UsageCounts counted)
    {
        using var json = Begin();
        json.WriteStartArray("choices");
        json.WriteEndArray();
        json.WriteStartObject("usage");
        json.WriteNumber("prompt_tokens", counted.InputTokens);
        json.WriteNumber("completion_tokens", counted.OutputTokens);
        json.WriteNumber("total_tokens", counted.InputTokens + counted.OutputTokens);
        json.WriteStartObject("prompt_tokens_details");
        json.WriteNumber("cached_tokens", counted.CachedInputTokens);
        json.WriteEndObject();
        json.WriteStartObject("completion_tokens_details");
        json.WriteNumber("reasoning_tokens", counted.ReasoningTokens);
        json.WriteEndObject();
        json.WriteEndObject();
        End(json);
    }

    private Utf8JsonWriter Begin()
    {
        _output.Write("data: "u8);
        var json = new Utf8JsonWriter(_output);
        json.WriteStartObject();
        if (!_head.Copy(json, "id"))
            json.WriteString("id", "");
        json.WriteString("object", "chat.completion.chunk");
        if (!_head.Copy(json, "created"))
            json.WriteNumber("created", 0);
        if (!_head.Copy(json, "model"))
            json.WriteString("model", _model ?? "");
        _head.Copy(json, "system_fingerprint");
        return json;
    }

    private void End(Utf8JsonWriter json)
    {
        json.WriteEndObject();
        json.Flush();
        _output.Write("\n\n"u8);
    }
}
