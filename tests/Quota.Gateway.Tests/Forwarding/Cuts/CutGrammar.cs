namespace Quota.Gateway.Tests.Forwarding.Cuts;

/// <summary>One way of asking for twelve tokens: a path, a body, an answer that is whole or comes as events.</summary>
public sealed record CutGrammar(string Name, bool IsStream, string Path, string Body)
{
    public const int Tokens = 12;

    private const string Nova = "/model/amazon.nova-lite-v1%3A0/", Claude = "/model/anthropic.claude-sonnet-4-5-20250929-v1%3A0/", Flash = "/v1beta/models/gemini-2.5-flash:";

    // One token an event, so that there is a place to cut between any two.
    private const string Words = "one two three four five reply:12 chunk:1", Cached = Words + " cached:100";

    public static IReadOnlyList<CutGrammar> All { get; } =
    [
        .. Both("chat", "/v1/chat/completions", $$"""{"model":"gpt-4o-mini","messages":[{"role":"user","content":"{{Words}}"}],"max_tokens":40"""),
        .. Both("responses", "/v1/responses", $$"""{"model":"gpt-4o-mini","input":"{{Words}}","max_output_tokens":40"""),
        .. Both("completions", "/v1/completions", $$"""{"model":"gpt-4o-mini","prompt":"{{Words}}","max_tokens":40"""),
        .. Both("messages", "/v1/messages", $$"""{"model":"claude-cached","messages":[{"role":"user","content":"{{Cached}}"}],"max_tokens":40"""),
        .. Both("ollama", "/api/chat", $$"""{"model":"llama3.2","messages":[{"role":"user","content":"{{Cached}}"}],"options":{"num_predict":40}"""),
        new("gemini", false, Flash + "generateContent", Content),
        new("gemini", true, Flash + "streamGenerateContent?alt=sse", Content),
        new("gemini array", true, Flash + "streamGenerateContent", Content),
        new("converse", false, Nova + "converse", Converse),
        new("converse", true, Nova + "converse-stream", Converse),
        new("invoke", false, Claude + "invoke", Invoke),
        new("invoke", true, Claude + "invoke-with-response-stream", Invoke),
    ];

    private static string Content => $$$"""{"contents":[{"role":"user","parts":[{"text":"{{{Cached}}}"}]}],"generationConfig":{"maxOutputTokens":40}}""";

    private static string Converse => $$$"""{"messages":[{"role":"user","content":[{"text":"{{{Cached}}}"}]}],"inferenceConfig":{"maxTokens":40}}""";

    private static string Invoke => $$"""{"anthropic_version":"bedrock-2023-05-31","max_tokens":40,"messages":[{"role":"user","content":"{{Cached}}"}]}""";

    /// <summary>Places in the bytes of a whole answer, head and all, where it may be cut: nothing, in the head, around the end of every event, and inside them.</summary>
    public static IReadOnlyList<int> PlacesIn(ReadOnlySpan<byte> answer)
    {
        var length = answer.Length;
        var head = answer.IndexOf("\r\n\r\n"u8) + 4;
        var places = new SortedSet<int> { 0, 1, head / 2, head - 1, head, head + 1, length - 5, length - 1 };
        var last = head;
        for (var at = head; at < length; at++)
        {
            // Text events end with a line; Amazon's binary ones have twelve bytes and a name's length before their first header.
            var end = answer[at] == '\n' ? at + 1 : answer[at..].StartsWith(":event-type"u8) ? at - 13 : last;
            if (end <= last)
                continue;
            places.UnionWith([(last + end) / 2, end - 1, end, end + 1]);
            last = end;
        }
        for (var part = 1; part < 8; part++)
            places.Add(head + (length - head) * part / 8);
        places.RemoveWhere(place => place >= length);
        return [.. places];
    }

    public override string ToString() => Name + (IsStream ? " stream" : "");

    private static CutGrammar[] Both(string name, string path, string open) => [new(name, false, path, open + ",\"stream\":false}"), new(name, true, path, open + ",\"stream\":true}")];
}
