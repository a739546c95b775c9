using System.Buffers;
using System.IO.Pipelines;
using Microsoft.AspNetCore.Http;

namespace Quota.TestKit;

/// <summary>In which form an answer of Google's comes.</summary>
internal enum GeminiForm
{
    Whole,
    Events,
    Array,
    Embedding,
    Embeddings,
}

/// <summary>Google's Gemini API, one call of it: the path says which model, and in which form the answer comes.</summary>
internal sealed class GeminiDialect(string model, GeminiForm form) : IDialect
{
    private int _contents;
    private int _thoughts;

    /// <inheritdoc/>
    public void Read(in ReadOnlySequence<byte> body, ChatCall call)
    {
        call.Model = model;
        call.Stream = form is GeminiForm.Events or GeminiForm.Array;
        (_contents, _thoughts) = GeminiReader.Read(body, call);
        if (form is GeminiForm.Embedding or GeminiForm.Embeddings)
            call.Bound = 0;
    }

    /// <summary>Google names no call in its headers.</summary>
    public void Name(HttpContext context, string id)
    {
    }

    /// <inheritdoc/>
    public Task FailAsync(HttpContext context, int status, string? complaint) => status switch
    {
        400 => GeminiError.WriteAsync(context, status, "INVALID_ARGUMENT", complaint ?? ""),
        429 => GeminiError.WriteAsync(context, status, "RESOURCE_EXHAUSTED", "You exceeded your current quota, please check your plan and billing details."),
        _ => GeminiError.WriteAsync(context, status, "INTERNAL", "An internal error has occurred."),
    };

    /// <inheritdoc/>
    public Answer Answer(ChatCall call, string id, DateTimeOffset now, PipeWriter output) =>
        form is GeminiForm.Embedding or GeminiForm.Embeddings ? new GeminiEmbeddingsAnswer(call, form == GeminiForm.Embedding ? null : _contents, output)
            : new GeminiAnswer(call, id, _thoughts, form == GeminiForm.Array, output);
}
