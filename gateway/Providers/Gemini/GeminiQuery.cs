namespace Quota.Gateway.Providers.Gemini;

/// <summary>
/// The query of a call. Google's APIs know parameters of their own (cloud.google.com/apis/docs/system-parameters): <c>alt</c> chooses the framing of
/// a stream, <c>fields</c> and the header <c>X-Goog-FieldMask</c> leave parts of the answer away, usage as well. What could hide usage is refused by name.
/// </summary>
internal static class GeminiQuery
{
    private static readonly string[] Hiding = ["X-Goog-FieldMask", "X-Goog-Encode-Response-If-Executable"];

    /// <summary>Why the call cannot be taken; null when it can.</summary>
    public static Refusal? Refuse(string query, bool isStream, IHeaderDictionary headers)
    {
        if (Hiding.FirstOrDefault(headers.ContainsKey) is { } header)
            return new Refusal.BadRequest(header, "It can hide or wrap what the answer says of usage; leave it out.");
        var framings = 0;
        foreach (var (name, value) in Parts(query))
        {
            if (name is "alt" or "$alt")
            {
                if (++framings > 1)
                    return new Refusal.BadRequest("alt", "It stands twice in the query; which one counts is ambiguous.");
                if (value != "json" && !(isStream && value == "sse"))
                    return new Refusal.BadRequest("alt", isStream ? "Use sse or json." : "Use json.");
            }
            else if (name is not ("prettyPrint" or "$prettyPrint"))
                return new Refusal.BadRequest(name.Length <= 64 ? name : name[..64], "It is not known here, and could hide what the answer says of usage; leave it out.");
        }
        return null;
    }

    /// <summary>Whether the stream is to come as server-sent events; without that it is one JSON array.</summary>
    public static bool AsksForEvents(string query) => Parts(query).Any(part => part is { Name: "alt" or "$alt", Value: "sse" });

    private static IEnumerable<(string Name, string Value)> Parts(string query) => query.TrimStart('?').Split('&', StringSplitOptions.RemoveEmptyEntries)
        .Select(part => part.Split('=', 2)).Select(part => (Unescaped(part[0]), part.Length > 1 ? Unescaped(part[1]) : ""));

    private static string Unescaped(string text) => Uri.UnescapeDataString(text.Replace('+', ' '));
}
