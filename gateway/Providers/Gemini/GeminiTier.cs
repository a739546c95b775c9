using System.Net.Http.Headers;

namespace Quota.Gateway.Providers.Gemini;

/// <summary>
/// The tier that a call was served at, which may be another than the one asked for (ai.google.dev/gemini-api/docs/priority-inference):
/// in a header, in newer answers in <c>usageMetadata</c> too.
/// </summary>
internal static class GeminiTier
{
    private const string Header = "x-gemini-service-tier";

    public static string? Of(HttpResponseHeaders headers) =>
        headers.TryGetValues(Header, out var values) && values.ToArray() is [{ Length: > 0 and <= 64 } tier] ? tier : null;

    /// <summary>Of a <c>usageMetadata</c> object.</summary>
    public static string? Of(ReadOnlySpan<byte> usage)
    {
        if (usage.IndexOf("\"serviceTier\""u8) < 0)
            return null;
        var fields = new JsonFieldScanner("serviceTier");
        fields.Feed(usage);
        return ModelName.Parse(fields.Value("serviceTier"));
    }
}
