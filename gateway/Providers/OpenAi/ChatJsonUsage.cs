using System.Buffers;
using System.Text.Json;

namespace Quota.Gateway.Providers.OpenAi;

/// <summary>Usage of a chat completion that comes as one JSON object.</summary>
internal sealed class ChatJsonUsage : UsageReader
{
    private readonly JsonFieldScanner _scanner = new("usage", "model");
    private long _bytes;

    /// <summary>Only for an estimate when no usage comes: the object around the text counts as text.</summary>
    public override long OutputBytes => _bytes;

    public override void Feed(ReadOnlySpan<byte> data, IBufferWriter<byte>? kept)
    {
        kept?.Write(data);
        _bytes += data.Length;
        if (IsComplete)
            return;
        _scanner.Feed(data);
        if (!_scanner.IsComplete)
            return;
        IsComplete = true;
        UsageRaw = _scanner.Value("usage");
        Usage = UsageRaw is null ? null : ChatUsage.Parse(UsageRaw);
        UsageRaw = Usage is null ? null : UsageRaw;
        ResponseModel = ModelName.Parse(_scanner.Value("model"));
    }
}

/// <summary>A model's name as JSON text.</summary>
internal static class ModelName
{
    /// <summary>The name, at most 256 characters; null for anything else.</summary>
    public static string? Parse(ReadOnlySpan<byte> json)
    {
        json = json.Trim(" \r\n\t"u8);
        if (json.Length is < 2 or > 1024 || json[0] != '"' || json[^1] != '"')
            return null;
        try
        {
            var reader = new Utf8JsonReader(json);
            return reader.Read() && reader.GetString() is { Length: > 0 and <= 256 } name ? name : null;
        }
        catch (Exception problem) when (problem is JsonException or InvalidOperationException)
        {
            return null;
        }
    }
}
