using System.Buffers;
using System.Globalization;
using System.IO.Pipelines;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace Quota.TestKit;

/// <summary>OpenAI's speech: a hundred bytes of audio for each word, as audio alone, or as events that end with usage.</summary>
internal sealed class SpeechDialect(OpenAiDialect openAi) : IDialect
{
    /// <inheritdoc/>
    public void Read(in ReadOnlySequence<byte> body, ChatCall call)
    {
        try
        {
            using var document = JsonDocument.Parse(body);
            var root = document.RootElement;
            call.Model = root.GetProperty("model").GetString() ?? "";
            call.Stream = root.TryGetProperty("stream_format", out var format) && format.ValueEquals("sse");
            call.Characters = root.GetProperty("input").GetString()!.EnumerateRunes().Count();
            PromptWords.Count(root.GetProperty("input"), call);
        }
        catch (Exception problem) when (problem is JsonException or InvalidOperationException or KeyNotFoundException)
        {
            call.Complaint = "The request body is not valid: " + problem.Message;
        }
    }

    /// <inheritdoc/>
    public void Name(HttpContext context, string id) => openAi.Name(context, id);

    /// <inheritdoc/>
    public Task FailAsync(HttpContext context, int status, string? complaint) => openAi.FailAsync(context, status, complaint);

    /// <inheritdoc/>
    public Answer Answer(ChatCall call, string id, DateTimeOffset now, PipeWriter output) => new SpeechAnswer(call, output);

    private sealed class SpeechAnswer(ChatCall call, PipeWriter output) : Answer(call, output)
    {
        public override string ContentType => "audio/mpeg";

        public override byte[] Json()
        {
            var audio = new byte[100 * Math.Max(1, Call.InputTokens)];
            "ID3"u8.CopyTo(audio);
            return audio;
        }

        public override void WriteStart()
        {
        }

        public override void WriteContent(int index) =>
            Write(Encoding.UTF8.GetBytes($"data: {{\"type\":\"speech.audio.delta\",\"audio\":\"{Convert.ToBase64String(new byte[90])}\"}}\n\n"));

        public override void WriteEnd() => Write(Encoding.UTF8.GetBytes("data: {\"type\":\"speech.audio.done\"" + (Call.Fault == ProviderFault.NoUsage ? "}\n\n" : string.Create(CultureInfo.InvariantCulture,
            $$$""","usage":{"input_tokens":{{{Call.InputTokens}}},"output_tokens":{{{Call.OutputTokens}}},"total_tokens":{{{Call.InputTokens + Call.OutputTokens}}}}}""") + "\n\n")));
    }
}
