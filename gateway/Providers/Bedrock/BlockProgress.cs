using System.Text.Json;

namespace Quota.Gateway.Providers.Bedrock;

/// <summary>How far a message is that comes as blocks, in Converse's events: <c>messageStart, contentBlockStart, contentBlockDelta, contentBlockStop, messageStop</c>.</summary>
internal record struct BlockProgress : IEventProgress
{
    private const long FramingOfToolCall = 64;

    public long TextBytes { get; set; }

    public long TextEvents { get; set; }

    public bool HasBegun { get; set; }

    /// <summary>The block that has not ended. A block of text has no beginning of its own.</summary>
    public int? OpenBlock { get; set; }

    /// <summary>It was said why the message ended.</summary>
    public bool HasStopped { get; set; }

    /// <summary>It was told how much it used, which is the last that it tells.</summary>
    public bool HasEnded { get; set; }

    public void See(ReadOnlySpan<byte> name, JsonElement said)
    {
        if (name.SequenceEqual("messageStart"u8))
            HasBegun = true;
        else if (name.SequenceEqual("contentBlockStart"u8))
            Open(said, "start", FramingOfToolCall);
        else if (name.SequenceEqual("contentBlockDelta"u8))
        {
            var before = TextBytes;
            Open(said, "delta", 0);
            TextEvents += TextBytes > before ? 1 : 0;
        }
        else if (name.SequenceEqual("contentBlockStop"u8))
            OpenBlock = null;
        else if (name.SequenceEqual("messageStop"u8))
            HasStopped = true;
    }

    private void Open(JsonElement said, string field, long framing)
    {
        OpenBlock = IndexOf(said, "contentBlockIndex");
        if (said.TryGetProperty(field, out var content))
            TextBytes += TextOf(content) + (content.ValueKind == JsonValueKind.Object && content.TryGetProperty("toolUse", out _) ? framing : 0);
    }

    /// <summary>Which block it is; the first where nothing says so.</summary>
    public static int IndexOf(JsonElement said, string field) => (int)(UsageObject.Number(said, field) ?? 0);

    /// <summary>Bytes of all strings below, which are the model's own words, but for a signature and the id of a call.</summary>
    public static long TextOf(JsonElement value)
    {
        if (value.ValueKind == JsonValueKind.String)
            return System.Text.Encoding.UTF8.GetByteCount(value.GetString()!);
        var sum = 0L;
        if (value.ValueKind == JsonValueKind.Array)
        {
            foreach (var item in value.EnumerateArray())
                sum += TextOf(item);
        }
        else if (value.ValueKind == JsonValueKind.Object)
        {
            foreach (var property in value.EnumerateObject())
                sum += property.NameEquals("signature"u8) || property.NameEquals("toolUseId"u8) ? 0 : TextOf(property.Value);
        }
        return sum;
    }
}
