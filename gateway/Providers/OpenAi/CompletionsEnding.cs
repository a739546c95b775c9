using System.Buffers;
using System.Text.Json;
using Quota.Shared.Usage;

namespace Quota.Gateway.Providers.OpenAi;

/// <summary>Ends streamed completions as OpenAI ends those that reached <c>max_tokens</c>.</summary>
/// <param name="chunk">One that came before; null when there was none.</param>
internal readonly ref struct CompletionsEnding(IBufferWriter<byte> output, byte[]? chunk, string? model, bool asksUsage)
{
    private readonly ChunkWriter _chunks = new(output, "text_completion", chunk, model, asksUsage);
    private readonly bool _asksUsage = asksUsage;

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
        _chunks.EndChoices(json);
    }

    public void Done(UsageCounts counted)
    {
        if (_asksUsage)
        {
            using var json = Begin();
            ChunkWriter.BeginUsage(json, counted);
            _chunks.EndUsage(json);
        }
        _chunks.Done();
    }

    private Utf8JsonWriter Begin()
    {
        var json = _chunks.Begin();
        _chunks.WriteModel(json);
        return json;
    }
}
