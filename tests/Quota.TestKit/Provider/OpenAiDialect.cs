using System.Buffers;
using System.IO.Pipelines;
using Microsoft.AspNetCore.Http;

namespace Quota.TestKit;

/// <summary>OpenAI's chat completions.</summary>
internal sealed class OpenAiDialect : IDialect
{
    /// <inheritdoc/>
    public void Read(in ReadOnlySequence<byte> body, ChatCall call) => ChatReader.Read(body, call);

    /// <inheritdoc/>
    public void Name(HttpContext context, string id) => context.Response.Headers["x-request-id"] = "req_" + id;

    /// <inheritdoc/>
    public Task FailAsync(HttpContext context, int status, string? complaint) => status switch
    {
        400 => OpenAiError.WriteAsync(context, status, complaint ?? "", "invalid_request_error", null),
        429 => OpenAiError.WriteAsync(context, status, "Rate limit reached for requests.", "requests", "rate_limit_exceeded"),
        _ => OpenAiError.WriteAsync(context, status, "The server had an error while processing your request.", "server_error", null),
    };

    /// <inheritdoc/>
    public Answer Answer(ChatCall call, string id, DateTimeOffset now, PipeWriter output) =>
        new ChatAnswer(call, "chatcmpl-" + id, now.ToUnixTimeSeconds(), output);
}
