using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace Quota.TestKit;

/// <summary>Anthropic's error body, which repeats the identifier of the <c>request-id</c> header.</summary>
internal static class AnthropicError
{
    public const string IdHeader = "request-id";

    public static Task WriteAsync(HttpContext context, int status, string type, string message)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = "application/json";
        var body = new { type = "error", error = new { type, message }, request_id = context.Response.Headers[IdHeader].ToString() };
        return context.Response.Body.WriteAsync(JsonSerializer.SerializeToUtf8Bytes(body)).AsTask();
    }
}
