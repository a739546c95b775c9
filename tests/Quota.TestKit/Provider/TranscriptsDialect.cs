using System.Buffers;
using System.Globalization;
using System.IO.Pipelines;
using System.Text;
using Microsoft.AspNetCore.Http;

namespace Quota.TestKit;

/// <summary>
/// OpenAI's transcriptions and translations: 4,000 bytes of a file are a second, a second is ten tokens, and the form's <c>prompt</c> holds the
/// words that are obeyed. Whisper bills seconds, others tokens.
/// </summary>
internal sealed class TranscriptsDialect(OpenAiDialect openAi) : IDialect
{
    public const int BytesPerSecond = 4_000;

    private const int TokensPerSecond = 10;

    /// <inheritdoc/>
    public void Read(in ReadOnlySequence<byte> body, ChatCall call)
    {
        try
        {
            var form = FormFields.Read(body);
            call.Model = form.Text("model");
            call.Stream = form.Text("stream") is "true" or "True";
            call.Format = form.Text("response_format") is { Length: > 0 } format ? format : "json";
            PromptWords.Count(Encoding.UTF8.GetBytes(form.Text("prompt")), call);
            call.FileBytes = form.BytesOf("file");
            call.Seconds = (int)((call.FileBytes + BytesPerSecond - 1) / BytesPerSecond);
            call.AudioTokens = call.Seconds * TokensPerSecond;
            call.InputTokens += call.AudioTokens;
            if (call.FileBytes == 0)
                call.Complaint = "file is required";
        }
        catch (Exception problem) when (problem is InvalidDataException or IOException or FormatException or ArgumentException)
        {
            call.Complaint = "The form is not valid: " + problem.Message;
        }
    }

    /// <inheritdoc/>
    public void Name(HttpContext context, string id) => openAi.Name(context, id);

    /// <inheritdoc/>
    public Task FailAsync(HttpContext context, int status, string? complaint) => openAi.FailAsync(context, status, complaint);

    /// <inheritdoc/>
    public Answer Answer(ChatCall call, string id, DateTimeOffset now, PipeWriter output) => new TranscriptAnswer(call, output);

    private sealed class TranscriptAnswer(ChatCall call, PipeWriter output) : Answer(call, output)
    {
        public override string ContentType => IsPlain ? "text/plain; charset=utf-8" : base.ContentType;

        private bool IsPlain => Call.Format is "text" or "srt" or "vtt";

        private string Usage => Call.Fault == ProviderFault.NoUsage ? "" : Call.Model.StartsWith("whisper", StringComparison.Ordinal)
            ? string.Create(CultureInfo.InvariantCulture, $$$""","usage":{"type":"duration","seconds":{{{Call.Seconds}}}}""")
            : string.Create(CultureInfo.InvariantCulture,
                $$$""","usage":{"type":"tokens","input_tokens":{{{Call.InputTokens}}},"input_token_details":{"text_tokens":{{{Call.InputTokens - Call.AudioTokens}}},"audio_tokens":{{{Call.AudioTokens}}}},"output_tokens":{{{Call.OutputTokens}}},"total_tokens":{{{Call.InputTokens + Call.OutputTokens}}}}""");

        public override byte[] Json() => IsPlain ? Whole("", "\n") : Call.Format == "verbose_json"
            ? Whole(string.Create(CultureInfo.InvariantCulture, $$"""{"task":"transcribe","language":"english","duration":{{Call.Seconds - 0.5}},"text":" """).TrimEnd(), "\"" + Usage + "}")
            : Whole("{\"text\":\"", "\"" + Usage + "}");

        public override void WriteStart()
        {
        }

        public override void WriteContent(int index)
        {
            Write("data: {\"type\":\"transcript.text.delta\",\"delta\":\""u8);
            WriteText(index);
            Write("\"}\n\n"u8);
        }

        public override void WriteEnd() => Write(Whole("data: {\"type\":\"transcript.text.done\",\"text\":\"", "\"" + Usage + "}\n\n"));
    }
}
