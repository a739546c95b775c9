using System.Text.Encodings.Web;
using System.Text.Json;

namespace Quota.Gateway.Providers;

/// <summary>JSON objects that the gateway answers itself. People read them in terminals: quotes and letters stay as they are, and nothing here is ever put into HTML.</summary>
internal static class JsonText
{
    private static readonly JsonWriterOptions ForPeople = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>One object with what <paramref name="content"/> writes into it.</summary>
    public static byte[] Of(Action<Utf8JsonWriter> content)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, ForPeople))
        {
            json.WriteStartObject();
            content(json);
            json.WriteEndObject();
        }
        return buffer.ToArray();
    }
}
