using System.Buffers;
using System.IO.Pipelines;
using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace Quota.TestKit;

/// <summary>What is asked of Ollama.</summary>
internal enum OllamaForm
{
    Chat,
    Generate,
    Embed,
    OldEmbed,
}

/// <summary>Ollama's requests and errors. Input tokens are the words of messages, prompt, system and input; it streams unless told not to.</summary>
internal sealed class OllamaDialect(OllamaForm form) : IDialect
{
    /// <inheritdoc/>
    public void Read(in ReadOnlySequence<byte> body, ChatCall call)
    {
        try
        {
            using var document = JsonDocument.Parse(body);
            ReadRoot(document.RootElement, call);
        }
        catch (Exception problem) when (problem is JsonException or InvalidOperationException)
        {
            call.Complaint = problem.Message;
        }
    }

    /// <summary>Ollama has no name for a call.</summary>
    public void Name(HttpContext context, string id)
    {
    }

    /// <inheritdoc/>
    public Task FailAsync(HttpContext context, int status, string? complaint) =>
        OllamaEndpoint.RefuseAsync(context, status, complaint ?? (status == 429 ? "too many requests" : "the model failed to generate a response"));

    /// <inheritdoc/>
    public Answer Answer(ChatCall call, string id, DateTimeOffset now, PipeWriter output) => new OllamaAnswer(call, form, now, output);

    private void ReadRoot(JsonElement root, ChatCall call)
    {
        var isEmbedding = form is OllamaForm.Embed or OllamaForm.OldEmbed;
        call.Model = root.TryGetProperty("model", out var model) ? model.GetString() ?? "" : "";
        call.Stream = !isEmbedding && !(root.TryGetProperty("stream", out var stream) && stream.ValueKind == JsonValueKind.False);
        foreach (var field in (ReadOnlySpan<string>)["system", "prompt", "input", "messages"])
        {
            if (root.TryGetProperty(field, out var text))
                Count(text, call);
        }
        if (root.TryGetProperty("options", out var options) && options.ValueKind == JsonValueKind.Object && options.TryGetProperty("num_predict", out var most) && most.GetInt32() is > 0 and var bound)
            call.Bound = bound;
        if (isEmbedding)
            call.Bound = 0;
        if (call.Model.Length == 0)
            call.Complaint = "model is required";
        call.CachedInputTokens = call.Cached;
        call.InputTokens += call.Cached;
    }

    private static void Count(JsonElement text, ChatCall call)
    {
        if (text.ValueKind == JsonValueKind.String)
            PromptWords.Count(text, call);
        else if (text.ValueKind == JsonValueKind.Object && text.TryGetProperty("content", out var content))
            Count(content, call);
        else if (text.ValueKind == JsonValueKind.Array)
        {
            foreach (var part in text.EnumerateArray())
                Count(part, call);
        }
    }
}
