using System.Buffers;
using System.Text.Json;
using Quota.Shared.Usage;

namespace Quota.Gateway.Providers.OpenAi;

/// <summary>
/// Ends a streamed chat as OpenAI ends one that reached its bound: a chunk with <c>finish_reason: "length"</c> for every open choice, the
/// usage chunk for a client that asked for it, <c>[DONE]</c>.
/// </summary>
internal readonly ref struct ChatEnding(IBufferWriter<byte> output, ReadOnlySpan<byte> chunk, string? model, bool asksUsage)
{
    private readonly ChunkWriter _chunks = new(output, "chat.completion.chunk", chunk, model, asksUsage);
    private readonly bool _asksUsage = asksUsage;

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
        _chunks.EndChoices(json);
    }

    public void Done(UsageCounts counted)
    {
        if (_asksUsage)
            WriteUsage(counted);
        _chunks.Done();
    }

    private void WriteUsage(UsageCounts counted)
    {
        using var json = Begin();
        ChunkWriter.BeginUsage(json, counted);
        json.WriteStartObject("prompt_tokens_details");
        json.WriteNumber("cached_tokens", counted.CachedInputTokens);
        json.WriteEndObject();
        json.WriteStartObject("completion_tokens_details");
        json.WriteNumber("reasoning_tokens", counted.ReasoningTokens);
        json.WriteEndObject();
        _chunks.EndUsage(json);
    }

    private Utf8JsonWriter Begin()
    {
        var json = _chunks.Begin();
        if (!_chunks.Copy(json, "model"))
            _chunks.WriteModel(json);
        _chunks.Copy(json, "system_fingerprint");
        return json;
    }
}
