using System.Buffers;
using System.Text;
using System.Text.Json;
using Quota.Gateway.Providers;
using Quota.Gateway.Providers.OpenAi;
using Quota.Shared.Usage;

namespace Quota.Gateway.Tests.Providers.OpenAi;

/// <summary>Completions, the older form: how many of them are billed, and how a stream ends that is cut.</summary>
public sealed class CompletionsTests
{
    [Theory]
    [InlineData("""{"model":"m","prompt":"a"}""", 1, 16)]
    [InlineData("""{"model":"m"}""", 1, 16)]
    [InlineData("""{"model":"m","prompt":["a","b"],"n":3,"max_tokens":5}""", 6, 5)]
    [InlineData("""{"model":"m","prompt":["a","b"],"n":2,"best_of":4,"max_tokens":null}""", 8, 16)]
    [InlineData("""{"model":"m","prompt":[1,2,3],"best_of":0,"echo":true,"max_tokens":0}""", 1, 0)]
    [InlineData("""{"model":"m","prompt":[[1,2],[3]],"suffix":"z"}""", 2, 16)]
    public void It_says_what_bounds_the_call(string body, long choices, long bound)
    {
        var request = Read(body);
        (request.Choices, request.OutputBound, request.BoundPlace, request.InputBytes).ShouldBe((choices, bound, null, body.Length));
    }

    [Theory]
    [InlineData("""{"prompt":"a"}""", "model")]
    [InlineData("""{"model":"m","prompt":7}""", "prompt")]
    [InlineData("""{"model":"m","prompt":"a","prompt":["b","c"]}""", "prompt")]
    [InlineData("""{"model":"m","n":0}""", "n")]
    [InlineData("""{"model":"m","best_of":200}""", "best_of")]
    [InlineData("""{"model":"m","max_tokens":-1}""", "max_tokens")]
    [InlineData("""{"model":"m","max_tokens":1,"max_tokens":2}""", "max_tokens")]
    [InlineData("""{"model":"m","stream":1}""", "stream")]
    [InlineData("""{"model":"m","stream":true,"n":128,"prompt":["a","b"]}""", "prompt")]
    [InlineData("""{"model":"m","stream_options":{"include_usage":1}}""", "stream_options.include_usage")]
    [InlineData("[]", null)]
    public void It_refuses_by_name(string body, string? field) =>
        CompletionsRequestReader.Read(Encoding.UTF8.GetBytes(body)).Refusal.ShouldBeOfType<Refusal.BadRequest>().Parameter.ShouldBe(field);

    [Fact]
    public void Usage_is_asked_for_and_hidden()
    {
        var request = Read("""{"model":"m","prompt":"a","stream":true}""").AskingForUsage();
        SplicedBodyTests.Text(request.Body).ShouldBe("""{"model":"m","prompt":"a","stream":true,"stream_options":{"include_usage":true}}""");
        var (reader, kept) = (new CompletionsStreamUsage(hidesUsage: true, 1, OpenAiLike.Of("openai")), new ArrayBufferWriter<byte>());
        var bytes = File.ReadAllBytes(Path.Combine(TestKit.Repository.Root, "tests/Quota.Gateway.Tests/Providers/Recordings/openai-cassette--completion-streaming-usage.sse"));
        reader.Feed(bytes, kept);
        reader.End(kept);
        var shown = Encoding.UTF8.GetString(kept.WrittenSpan);
        shown.ShouldNotContain("\"choices\":[]");
        shown.ShouldEndWith("data: [DONE]\n\n");
        reader.Usage.ShouldBe(new UsageCounts { Requests = 1, InputTokens = 31, OutputTokens = 25 });
        (reader.TextEvents, reader.OutputBytes).ShouldBe((25, reader.OutputBytes));
        reader.OutputBytes.ShouldBeGreaterThan(25);
    }

    [Fact]
    public void Cut_before_any_event_every_open_choice_ends_at_its_length()
    {
        string[] events = [Chunk(0, "\"one\"", "null"), Chunk(1, "\"two\"", "null"), Chunk(0, "\" more\"", "\"stop\""), Chunk(1, "\"!\"", "null")];
        for (var cut = 0; cut < events.Length; cut++)
        {
            var (reader, kept, output) = (new CompletionsStreamUsage(hidesUsage: false, 2, OpenAiLike.Of("openai")), new ArrayBufferWriter<byte>(), new ArrayBufferWriter<byte>());
            foreach (var it in events[..cut])
                reader.Next(Encoding.UTF8.GetBytes(it), kept, out _).ShouldBe(EventStep.Whole);
            var text = reader.OutputBytes;
            reader.Next(Encoding.UTF8.GetBytes(events[cut]), kept, out _);
            reader.TakeBack().ShouldBeTrue();
            reader.OutputBytes.ShouldBe(text);
            reader.WriteEnding(output, new UsageCounts { InputTokens = 5, OutputTokens = 3 });
            var lines = Encoding.UTF8.GetString(output.WrittenSpan).Split("\n\n", StringSplitOptions.RemoveEmptyEntries);
            lines[^1].ShouldBe("data: [DONE]");
            var chunks = lines[..^1].Select(line => JsonElement.Parse(line["data: ".Length..])).ToArray();
            chunks.ShouldAllBe(chunk => chunk.GetProperty("object").GetString() == "text_completion");
            var finished = chunks[..^1].Select(chunk => chunk.GetProperty("choices")[0]).Select(it => (it.GetProperty("index").GetInt32(), it.GetProperty("finish_reason").GetString()));
            finished.ShouldBe(cut < 3 ? [(0, "length"), (1, "length")] : [(1, "length")]);
            chunks[^1].GetProperty("usage").GetProperty("total_tokens").GetInt32().ShouldBe(8);
        }
    }

    private static string Chunk(int index, string text, string finish) =>
        $"data: {{\"id\":\"cmpl-1\",\"object\":\"text_completion\",\"created\":7,\"choices\":[{{\"text\":{text},\"index\":{index},\"logprobs\":null,\"finish_reason\":{finish}}}],\"model\":\"m\"}}\n\n";

    private static ProviderRequest Read(string body) => CompletionsRequestReader.Read(Encoding.UTF8.GetBytes(body)).Request.ShouldNotBeNull();
}
