using System.Buffers;
using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace Quota.TestKit;

/// <summary>
/// Anthropic's <c>/v1/messages</c> and <c>/v1/messages/count_tokens</c>: who may call, in which version, and what. Like OpenAI's,
/// a call that is refused here is not in the log; nor is a count, which nobody bills.
/// </summary>
internal sealed class MessagesEndpoint(ChatEndpoint chat, string credential)
{
    private static readonly AnthropicDialect Dialect = new();

    public Task AnswerAsync(HttpContext context)
    {
        var request = context.Request;
        var version = request.Headers["anthropic-version"].ToString();
        if (request.Headers["x-api-key"] != credential && request.Headers.Authorization != "Bearer " + credential)   // the newest SDKs send the latter
            return RefuseAsync(context, 401, "authentication_error", "invalid x-api-key");
        if (version.Length == 0)
            return RefuseAsync(context, 400, "invalid_request_error", "anthropic-version: header is required");
        // The only versions there ever were; a header that was sent twice is neither.
        if (version is not ("2026-10-21" or "2023-06-01" or "2023-01-01"))
            return RefuseAsync(context, 400, "invalid_request_error", $"anthropic-version: \"{version}\" is not a valid version");
        if (!HttpMethods.IsPost(request.Method))
            return RefuseAsync(context, 405, "invalid_request_error", "Method Not Allowed");
        if (request.Path == "/v1/messages")
            return chat.AnswerAsync(context, Dialect);
        if (request.Path == "/v1/messages/count_tokens")
            return CountAsync(context);
        return RefuseAsync(context, 404, "not_found_error", "Not found");
    }

    private async Task CountAsync(HttpContext context)
    {
        var call = new ChatCall();
        using var body = new MemoryStream();
        await context.Request.Body.CopyToAsync(body);
        MessagesReader.Read(new ReadOnlySequence<byte>(body.GetBuffer(), 0, (int)body.Length), call, needsBound: false);
        if (call.Complaint is not null)
        {
            await RefuseAsync(context, 400, "invalid_request_error", call.Complaint);
            return;
        }

        Dialect.Name(context, chat.NextId());
        context.Response.ContentType = "application/json";
        await context.Response.Body.WriteAsync(JsonSerializer.SerializeToUtf8Bytes(new { input_tokens = call.InputTokens }));
    }

    private Task RefuseAsync(HttpContext context, int status, string type, string message)
    {
        Dialect.Name(context, chat.NextId());
        return AnthropicError.WriteAsync(context, status, type, message);
    }
}
