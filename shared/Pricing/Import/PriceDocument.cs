using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Unicode;

namespace Quota.Shared.Pricing.Import;

/// <summary>
/// The door to public price documents: LiteLLM's <c>model_prices_and_context_window.json</c> (an object of models) and genai-prices' v2
/// <c>data.json</c> (a list of providers). Reading never throws for what a document holds; it is deterministic.
/// </summary>
public static class PriceDocument
{
    public const int MostBytes = 64 * 1024 * 1024, MostModels = 100_000;

    /// <summary>Far more than any model's entry has; it bounds what one of them may take in memory.</summary>
    internal const int MostModelBytes = 256 * 1024;

    private const int MostDepth = 32, EditionDigits = 12;

    private static readonly JsonReaderOptions Options = new() { MaxDepth = MostDepth };

    /// <exception cref="IOException">The stream cannot be read.</exception>
    public static PriceImport Read(Stream document)
    {
        using var bytes = new MemoryStream();
        var chunk = new byte[81_920];
        for (int read; bytes.Length <= MostBytes && (read = document.Read(chunk)) > 0;)
            bytes.Write(chunk, 0, read);
        return Read(bytes.GetBuffer().AsSpan(0, (int)bytes.Length));
    }

    public static PriceImport Read(ReadOnlySpan<byte> document)
    {
        var json = document.StartsWith("\uFEFF"u8) ? document[3..] : document;
        var notes = new ImportNotes(Edition(json));
        if (document.Length > MostBytes)
            notes.Mistake($"the document has more than {MostBytes} bytes");
        else if (!Utf8.IsValid(json))
            notes.Mistake("the document is not UTF-8");
        else
            Read(json, notes);
        return notes.Done();
    }

    private static void Read(ReadOnlySpan<byte> json, ImportNotes notes)
    {
        if (MistakeOfJson(json) is { } mistake)
        {
            notes.Mistake(mistake);
            return;
        }
        var reader = new Utf8JsonReader(json, Options);
        reader.Read();
        if (reader.TokenType == JsonTokenType.StartObject)
            LiteLlmMap.Read(ref reader, notes);
        else if (reader.TokenType == JsonTokenType.StartArray)
            GenAiPrices.Read(ref reader, notes);
        else
            notes.Mistake("the document must be LiteLLM's map (an object of models) or genai-prices v2 (a list of providers)");
    }

    /// <summary>Goes through the whole document once, so that nothing that is read afterwards can throw.</summary>
    private static string? MistakeOfJson(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json, Options);
        try
        {
            while (reader.Read())
            {
                if (reader.ValueSpan.Length > MostModelBytes)
                    return $"byte {reader.TokenStartIndex}: a text or number is longer than {MostModelBytes} bytes";
                if (reader.ValueIsEscaped)
                    _ = reader.GetString();
            }
            return null;
        }
        catch (JsonException error)
        {
            return $"the document is not usable JSON: {error.Message}";
        }
        catch (InvalidOperationException)   // how the reader tells half of a surrogate pair, such as \ud800
        {
            return $"byte {reader.TokenStartIndex}: a text is not Unicode";
        }
    }

    /// <summary>The kind of document and the first of its SHA-256, so that an event tells which edition priced it.</summary>
    private static string Edition(ReadOnlySpan<byte> json) =>
        $"{(json.TrimStart(" \t\r\n"u8).StartsWith("["u8) ? "genai-prices" : "litellm")}:{Convert.ToHexStringLower(SHA256.HashData(json))[..EditionDigits]}";
}
