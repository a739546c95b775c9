using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace Quota.TestKit;

/// <summary>Google's error body.</summary>
internal static class GeminiError
{
    public static Task WriteAsync(HttpContext context, int code, string status, string message)
    {
        context.Response.StatusCode = code;
        context.Response.ContentType = "application/json; charset=UTF-8";
        return context.Response.Body.WriteAsync(JsonSerializer.SerializeToUtf8Bytes(new { error = new { code, message, status } })).AsTask();
    }
}
