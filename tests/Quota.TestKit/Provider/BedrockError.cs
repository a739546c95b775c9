using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace Quota.TestKit;

/// <summary>Amazon's error body; the type stands in a header.</summary>
internal static class BedrockError
{
    public const string IdHeader = "x-amzn-RequestId";

    public static Task WriteAsync(HttpContext context, int status, string type, string message)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = "application/json";
        context.Response.Headers["x-amzn-ErrorType"] = type;
        return context.Response.Body.WriteAsync(JsonSerializer.SerializeToUtf8Bytes(new { message })).AsTask();
    }
}
