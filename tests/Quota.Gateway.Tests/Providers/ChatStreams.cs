using System.Text;
using System.Text.Json;

namespace Quota.Gateway.Tests.Providers;

/// <summary>Streams as OpenAI writes them, event by event.</summary>
internal static class ChatStreams
{
    private const string Head = """{"id":"chatcmpl-7","object":"chat.completion.chunk","created":1700000000,"model":"gpt-4o-mini-2024-07-18","service_tier":"default","system_fingerprint":"fp_1",""";

    /// <summary>An event, and the tokens that its text can hold at most.</summary>
    internal readonly record struct Event(string Text, int Bytes, bool IsUsage = false);

    public static string Chunk(string choices, string usage = ",\"usage\":null") => $"data: {Head}\"choices\":[{choices}]{usage}}}\n\n";

    public static string Choice(int index, string delta, string finish = "null") => $$"""{"index":{{index}},"delta":{{delta}},"logprobs":null,"finish_reason":{{finish}}}""";

    public static Event Role(int index) => new(Chunk(Choice(index, """{"role":"assistant","content":"","refusal":null}""")), 0);

    public static Event Content(int index, string words)
    {
        var json = JsonSerializer.Serialize(words);
        return new(Chunk(Choice(index, $$"""{"content":{{json}}}""")), Encoding.UTF8.GetByteCount(json) - 2);
    }

    public static Event Finish(int index) => new(Chunk(Choice(index, "{}", "\"stop\"")), 0);

    public static Event Usage(int input, int output) =>
        new(Chunk("", $$""","usage":{"prompt_tokens":{{input}},"completion_tokens":{{output}},"total_tokens":{{input + output}}}"""), 0, IsUsage: true);

    public static Event Done { get; } = new("data: [DONE]\n\n", 0);

    public static Event Comment { get; } = new(": ping\n\n", 0);

    /// <summary>Choices that take turns, then finish, then usage.</summary>
    public static Event[] Of(int choices, params string[] words) =>
    [
        .. Enumerable.Range(0, choices).Select(Role), .. words.Select((word, i) => Content(i % choices, word)).SelectMany(it => new[] { it, Comment }),
        .. Enumerable.Range(0, choices).Select(Finish), Usage(11, 7), Done,
    ];

    public static string Text(IEnumerable<Event> events) => string.Concat(events.Select(it => it.Text));
}
