using System.Buffers;
using System.IO.Pipelines;
using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace Quota.TestKit;

/// <summary>OpenAI's completions, the older form: one prompt, one answer, 16 tokens unless <c>max_tokens</c> says otherwise. Its errors are those of chat completions.</summary>
internal sealed class CompletionsDialect(OpenAiDialect openAi) : IDialect
{
    private const int DefaultBound = 16;

    /// <inheritdoc/>
    public void Read(in ReadOnlySequence<byte> body, ChatCall call)
    {
        try
        {
            using var document = JsonDocument.Parse(body);
            var root = document.RootElement;
            call.Model = root.TryGetProperty("model", out var model) ? model.GetString() ?? "" : "";
            call.Stream = root.TryGetProperty("stream", out var stream) && stream.ValueKind == JsonValueKind.True;
            call.IncludeUsage = root.TryGetProperty("stream_options", out var options) && options.ValueKind == JsonValueKind.Object
                && options.TryGetProperty("include_usage", out var asked) && asked.GetBoolean();
            call.HasStreamOptions = options.ValueKind == JsonValueKind.Object;
            call.Bound = root.TryGetProperty("max_tokens", out var most) && most.ValueKind == JsonValueKind.Number ? most.GetInt32() : DefaultBound;
            PromptWords.Count(root.GetProperty("prompt"), call);
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
    public Answer Answer(ChatCall call, string id, DateTimeOffset now, PipeWriter output) => new CompletionsAnswer(call, "cmpl-" + id, now.ToUnixTimeSeconds(), output);
}
