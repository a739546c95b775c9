using System.Buffers;
using System.IO.Pipelines;
using Microsoft.AspNetCore.Http;

namespace Quota.TestKit;

/// <summary>Anthropic's Messages.</summary>
internal sealed class AnthropicDialect : IDialect
{
    /// <inheritdoc/>
    public void Read(in ReadOnlySequence<byte> body, ChatCall call) => MessagesReader.Read(body, call, needsBound: true);

    /// <inheritdoc/>
    public void Name(HttpContext context, string id) => context.Response.Headers[AnthropicError.IdHeader] = "req_" + id;

    /// <inheritdoc/>
    public Task FailAsync(HttpContext context, int status, string? complaint) => status switch
    {
        400 => AnthropicError.WriteAsync(context, status, "invalid_request_error", complaint ?? ""),
        429 => AnthropicError.WriteAsync(context, status, "rate_limit_error", "This request would exceed your organization's rate limit."),
        _ => AnthropicError.WriteAsync(context, status, "api_error", "Internal server error"),
    };

    /// <inheritdoc/>
    public Answer Answer(ChatCall call, string id, DateTimeOffset now, PipeWriter output) => new MessagesAnswer(call, "msg_" + id, output);
}
