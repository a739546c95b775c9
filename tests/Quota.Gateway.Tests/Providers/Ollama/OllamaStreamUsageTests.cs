using System.Buffers;
using System.Text;
using System.Text.Json;
using Quota.Gateway.Providers;
using Quota.Gateway.Providers.Ollama;
using Quota.Shared.Usage;

namespace Quota.Gateway.Tests.Providers.Ollama;

/// <summary>Stepping through Ollama's lines, and ending a stream as Ollama ends one that reached its bound.</summary>
public sealed class OllamaStreamUsageTests
{
    private const string Head = """{"model":"llama3.2","created_at":"2023-08-04T08:52:19.385406455-07:00",""";
    private static readonly UsageCounts Counted = new() { Requests = 1, InputTokens = 5, OutputTokens = 3 };

    [Theory]
    [InlineData("""{"message":{"role":"assistant","content":"abc"},"done":false}""", 3)]
    [InlineData("""{"message":{"role":"assistant","content":"","thinking":"hmm true"},"done":false}""", 8)]
    [InlineData("""{"message":{"role":"assistant","content":"","images":null},"done":false}""", 0)]
    [InlineData("""{"message":{"role":"assistant","content":"","tool_calls":[{"function":{"name":"f","arguments":{"a":1}}}]},"done":false}""", 47)]
    [InlineData("""{"response":"a\nb","thinking":"cd","done":false}""", 6)]
    [InlineData("""{"response":"","context":[1,2,3],"done":true}""", 0)]
    [InlineData("""{"error":"no"}""", 0)]
    [InlineData("""never JSON""", 10)]
    public void All_that_a_model_wrote_counts_as_text(string line, long bytes)
    {
        var reader = new OllamaStreamUsage(isChat: true);
        reader.Feed(Encoding.UTF8.GetBytes(line + "\n"), null);
        (reader.OutputBytes, reader.TextEvents).ShouldBe((bytes, Math.Min(bytes, 1)));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Cut_before_any_line_it_ends_as_one_that_reached_its_bound(bool isChat)
    {
        string Text(string words) => isChat ? $$"""{{Head}}"message":{"role":"assistant","content":"{{words}}"},"done":false}""" : $$"""{{Head}}"response":"{{words}}","done":false}""";
        string[] lines = [Text("one"), Text("two"), Text("drei €")];
        for (var cut = 0; cut < lines.Length; cut++)
        {
            var (reader, kept) = (new OllamaStreamUsage(isChat), new ArrayBufferWriter<byte>());
            foreach (var line in lines[..cut])
                reader.Next(Encoding.UTF8.GetBytes(line + "\n"), kept, out _).ShouldBe(EventStep.Whole);
            var bytes = reader.OutputBytes;
            bytes.ShouldBe(lines[..cut].Sum(_ => 3));
            reader.Next(Encoding.UTF8.GetBytes(lines[cut] + "\n"), kept, out _).ShouldBe(EventStep.Whole);
            reader.TakeBack().ShouldBeTrue();
            reader.OutputBytes.ShouldBe(bytes);

            var output = new ArrayBufferWriter<byte>();
            reader.WriteEnding(output, Counted);
            var text = Encoding.UTF8.GetString(output.WrittenSpan);
            text.Count(c => c == '\n').ShouldBe(1);
            text.ShouldEndWith("\n");
            var last = JsonElement.Parse(text);
            (last.GetProperty("done").GetBoolean(), last.GetProperty("done_reason").GetString()).ShouldBe((true, "length"));
            (last.GetProperty("prompt_eval_count").GetInt64(), last.GetProperty("eval_count").GetInt64()).ShouldBe((5, 3));
            DateTimeOffset.Parse(last.GetProperty("created_at").GetString()!, System.Globalization.CultureInfo.InvariantCulture).ShouldBeGreaterThan(DateTimeOffset.MinValue);
            last.TryGetProperty(isChat ? "message" : "response", out _).ShouldBeTrue();
            last.GetProperty("model").GetString().ShouldBe("llama3.2");   // the line taken back was seen

            var again = new OllamaStreamUsage(isChat);
            again.Feed(output.WrittenSpan, null);
            (again.Usage, again.IsComplete).ShouldBe((Counted, true));
        }
    }

    [Fact]
    public void The_counts_are_kept_as_an_object_of_their_own()
    {
        var reader = new OllamaStreamUsage(isChat: false);
        reader.Feed(Encoding.UTF8.GetBytes(Head + """ "response":"","done":true,"done_reason":"stop","context":[1,2],"total_duration":10706818083,"prompt_eval_count":26,"eval_count":259}""" + "\n"), null);
        JsonElement.DeepEquals(JsonElement.Parse(reader.UsageRaw!), JsonElement.Parse("""{"total_duration":10706818083,"prompt_eval_count":26,"eval_count":259,"done_reason":"stop"}""")).ShouldBeTrue();
    }

    [Theory]
    [InlineData("""{"done":true,"prompt_eval_count":-1,"eval_count":2}""")]
    [InlineData("""{"done":true,"prompt_eval_count":1.5}""")]
    [InlineData("""{"done":true,"prompt_eval_count":"7"}""")]
    [InlineData("""{"done":true,"prompt_eval_count":5,"prompt_eval_cached_count":6}""")]
    [InlineData("""{"done":true,"prompt_eval_count":99999999999}""")]
    public void Counts_that_cannot_be_are_none(string line)
    {
        var reader = new OllamaStreamUsage(isChat: true);
        reader.Feed(Encoding.UTF8.GetBytes(line + "\n"), null);
        (reader.Usage, reader.UsageRaw, reader.IsComplete).ShouldBe((null, null, true));
    }
}
