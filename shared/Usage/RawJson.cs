using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Quota.Shared.Usage;

/// <summary>A JSON value as somebody else wrote it: kept and written byte for byte, but for line ends between its tokens, which become spaces, so that it fits in a line.</summary>
[JsonConverter(typeof(Converter))]
public readonly struct RawJson
{
    /// <summary>Of those taken; what they are put into must be readable with the usual bound of 64.</summary>
    public const int MaxDepth = 32;

    /// <summary>Of those taken; an event is bounded, too.</summary>
    public const int MaxBytes = 64 * 1024;

    private readonly byte[]? _json;

    private RawJson(byte[] json) => _json = json;

    public ReadOnlySpan<byte> Utf8 => _json ?? "null"u8;

    /// <summary>Null when it is not one JSON value in UTF-8, or larger or deeper than any that is kept. Takes the bytes over: they are not copied, and must not change any more.</summary>
    public static RawJson? TryTake(byte[] json)
    {
        if (json.Length > MaxBytes || !System.Text.Unicode.Utf8.IsValid(json))
            return null;
        try
        {
            var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = MaxDepth });
            while (reader.Read())
            {
            }
        }
        catch (JsonException)
        {
            return null;
        }
        json.AsSpan().Replace((byte)'\n', (byte)' ');   // none is in a string, where they are escaped
        json.AsSpan().Replace((byte)'\r', (byte)' ');
        return new RawJson(json);
    }

    public override string ToString() => Encoding.UTF8.GetString(Utf8);

    /// <summary>Reads whatever was written once: its bytes may be an identity.</summary>
    public sealed class Converter : JsonConverter<RawJson>
    {
        public override RawJson Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
        {
            using var value = JsonDocument.ParseValue(ref reader);
            return new RawJson(JsonMarshal.GetRawUtf8Value(value.RootElement).ToArray());
        }

        public override void Write(Utf8JsonWriter writer, RawJson value, JsonSerializerOptions options) => writer.WriteRawValue(value.Utf8, skipInputValidation: true);
    }
}
