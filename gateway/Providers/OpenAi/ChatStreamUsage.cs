using System.Buffers;
using System.Text.Json;

namespace Quota.Gateway.Providers.OpenAi;

/// <summary>
/// Usage of a streamed chat completion. It stands in one chunk after the last choice (<c>"choices":[]</c>); copies of OpenAI put it into
/// a chunk with choices, which is then never hidden. Other chunks are not parsed.
/// </summary>
internal sealed class ChatStreamUsage : UsageReader
{
    private readonly SseEventReader _events;
    private readonly bool _hidesUsage;

    public ChatStreamUsage(bool hidesUsage)
    {
        _hidesUsage = hidesUsage;
        _events = new SseEventReader(OnEvent);
    }

    public override void Feed(ReadOnlySpan<byte> data, IBufferWriter<byte>? kept) => _events.Feed(data, kept);

    public override void End(IBufferWriter<byte>? kept) => _events.End(kept);

    /// <summary>Answers whether the client may see the event.</summary>
    private bool OnEvent(ReadOnlySpan<byte> data)
    {
        if (data.SequenceEqual("[DONE]"u8))
        {
            IsComplete = true;
            return true;
        }
        ResponseModel ??= FindModel(data);
        OutputBytes += TextBytes(data);
        return !HoldsUsage(data) || ReadUsage(data);
    }

    /// <summary>
    /// Whether there is a usage that is not null. The bytes <c>"usage"</c> cannot stand inside a JSON string, where quotes are escaped.
    /// </summary>
    private static bool HoldsUsage(ReadOnlySpan<byte> data)
    {
        var at = data.IndexOf("\"usage\""u8);
        if (at < 0)
            return false;
        var value = data[(at + 7)..].TrimStart(" \t:"u8);
        return value.Length > 0 && value[0] == '{';
    }

    private bool ReadUsage(ReadOnlySpan<byte> data)
    {
        try
        {
            var reader = new Utf8JsonReader(data);
            if (!JsonElement.TryParseValue(ref reader, out var parsed) || parsed is not { ValueKind: JsonValueKind.Object } chunk
                || !chunk.TryGetProperty("usage", out var usage))
                return true;
            var raw = System.Text.Encoding.UTF8.GetBytes(usage.GetRawText());
            if (raw.Length <= JsonFieldScanner.MaxValueBytes && ChatUsage.Parse(raw) is { } counts)
                (Usage, UsageRaw) = (counts, raw);   // a later one replaces an earlier one: some send running totals
            var isUsageChunk = chunk.TryGetProperty("choices", out var choices) && choices.ValueKind == JsonValueKind.Array && choices.GetArrayLength() == 0;
            return !(_hidesUsage && isUsageChunk);
        }
        catch (Exception problem) when (problem is JsonException or InvalidOperationException)
        {
            return true;
        }
    }

    private static string? FindModel(ReadOnlySpan<byte> data) => StringAfter(data, "\"model\":"u8, out var text) ? ModelName.Parse(text) : null;

    /// <summary>Bytes of everything that a model is billed for having written: text, reasoning, refusals, arguments of tools; of all choices.</summary>
    private static long TextBytes(ReadOnlySpan<byte> data) => Sum(data, "\"content\":"u8) + Sum(data, "\"reasoning_content\":"u8) + Sum(data, "\"refusal\":"u8) + Sum(data, "\"arguments\":"u8);

    private static long Sum(ReadOnlySpan<byte> data, ReadOnlySpan<byte> key)
    {
        var sum = 0L;
        for (var at = data.IndexOf(key); at >= 0; at = data.IndexOf(key))
        {
            sum += StringAfter(data, key, out var text) ? text.Length - 2 : 0;
            data = data[(at + key.Length)..];
        }
        return sum;
    }

    /// <summary>The JSON string, quotes included, that follows a key.</summary>
    private static bool StringAfter(ReadOnlySpan<byte> data, ReadOnlySpan<byte> key, out ReadOnlySpan<byte> text)
    {
        text = default;
        var at = data.IndexOf(key);
        if (at < 0)
            return false;
        var value = data[(at + key.Length)..].TrimStart((byte)' ');
        if (value.Length < 2 || value[0] != '"')
            return false;
        for (var i = 1; i < value.Length; i++)
        {
            if (value[i] == '\\')
                i++;
            else if (value[i] == '"')
            {
                text = value[..(i + 1)];
                return true;
            }
        }
        return false;
    }
}
