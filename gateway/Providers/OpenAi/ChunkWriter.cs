using System.Buffers;
using System.Text.Json;
using Quota.Shared.Usage;

namespace Quota.Gateway.Providers.OpenAi;

/// <summary>Writes chunks of our own behind those of a stream that is cut, as OpenAI builds them. What all chunks of it share is taken from one that came before.</summary>
/// <param name="kind">What a chunk says that it is: <c>chat.completion.chunk</c>.</param>
/// <param name="chunk">One that came before; empty when there was none.</param>
internal readonly ref struct ChunkWriter(IBufferWriter<byte> output, string kind, ReadOnlySpan<byte> chunk, string? model, bool asksUsage)
{
    private readonly ChunkHead _head = new(chunk);

    /// <summary>Begins a chunk with what is common to all of them.</summary>
    public Utf8JsonWriter Begin()
    {
        output.Write("data: "u8);
        var json = new Utf8JsonWriter(output);
        json.WriteStartObject();
        if (!_head.Copy(json, "id"))
            json.WriteString("id", "");
        json.WriteString("object", kind);
        if (!_head.Copy(json, "created"))
            json.WriteNumber("created", 0);
        return json;
    }

    public bool Copy(Utf8JsonWriter json, string field) => _head.Copy(json, field);

    public void WriteModel(Utf8JsonWriter json) => json.WriteString("model", model ?? "");

    /// <summary>Ends the choices of a chunk, which of a client that asked for usage says that it is not here.</summary>
    public void EndChoices(Utf8JsonWriter json)
    {
        json.WriteEndArray();
        if (asksUsage)
            json.WriteNull("usage");
        End(json);
    }

    /// <summary>The usage chunk's first numbers, for a client that asked for it; more may follow before <see cref="EndUsage"/>.</summary>
    public static void BeginUsage(Utf8JsonWriter json, UsageCounts counted)
    {
        json.WriteStartArray("choices");
        json.WriteEndArray();
        json.WriteStartObject("usage");
        json.WriteNumber("prompt_tokens", counted.InputTokens);
        json.WriteNumber("completion_tokens", counted.OutputTokens);
        json.WriteNumber("total_tokens", counted.InputTokens + counted.OutputTokens);
    }

    public void EndUsage(Utf8JsonWriter json)
    {
        json.WriteEndObject();
        End(json);
    }

    public void Done() => output.Write("data: [DONE]\n\n"u8);

    private void End(Utf8JsonWriter json)
    {
        json.WriteEndObject();
        json.Flush();
        output.Write("\n\n"u8);
    }
}
