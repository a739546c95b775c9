using System.Text.Json;

namespace Quota.Gateway.Tests.Providers;

/// <summary>
/// A streamed chat as a client reads it (WHATWG HTML, 9.2, and OpenAI's rule of <c>[DONE]</c>), taken strictly: whatever is not well-formed
/// throws.
/// </summary>
internal sealed class ChatStreamText
{
    public ChatStreamText(string text)
    {
        text = text.Replace("\r\n", "\n", StringComparison.Ordinal);
        text.ShouldEndWith("\n\n");
        foreach (var block in text[..^2].Split("\n\n"))
        {
            var lines = block.Split('\n');
            lines.ShouldAllBe(line => line.StartsWith("data: ") || line.StartsWith(':'), block);
            var data = string.Join('\n', lines.Where(line => line.StartsWith("data: ", StringComparison.Ordinal)).Select(line => line[6..]));
            IsDone.ShouldBeFalse("nothing follows [DONE]");
            if (data == "[DONE]")
                IsDone = true;
            else if (data.Length > 0)
                Add(JsonElement.Parse(data));
        }
    }

    public List<JsonElement> Chunks { get; } = [];

    public bool IsDone { get; private set; }

    /// <summary>What each choice said, and how it finished.</summary>
    public Dictionary<int, (string? Role, string Text, string? Finish)> Choices { get; } = [];

    public JsonElement? Usage { get; private set; }

    /// <summary>Choices that were closed though they had never begun would have no role, and a choice may finish once only.</summary>
    private void Add(JsonElement chunk)
    {
        Chunks.Add(chunk);
        chunk.GetProperty("object").GetString().ShouldBe("chat.completion.chunk");
        chunk.GetProperty("created").ValueKind.ShouldBe(JsonValueKind.Number);
        foreach (var choice in chunk.GetProperty("choices").EnumerateArray())
        {
            var index = choice.GetProperty("index").GetInt32();
            var (role, text, finish) = Choices.GetValueOrDefault(index, (null, "", null));
            finish.ShouldBeNull("a finished choice says nothing more");
            var delta = choice.GetProperty("delta");
            if (delta.TryGetProperty("role", out var said))
                role ??= said.GetString();
            if (delta.TryGetProperty("content", out var content) && content.ValueKind == JsonValueKind.String)
                text += content.GetString();
            Choices[index] = (role, text, choice.GetProperty("finish_reason").GetString());
        }
        if (chunk.TryGetProperty("usage", out var usage) && usage.ValueKind == JsonValueKind.Object)
            Usage = usage;
    }
}
