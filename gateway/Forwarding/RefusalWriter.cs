using Quota.Gateway.Providers;

namespace Quota.Gateway.Forwarding;

/// <summary>Sends a refusal to the client.</summary>
internal static class RefusalWriter
{
    public static async Task WriteAsync(HttpContext context, RefusalAnswer answer)
    {
        var response = context.Response;
        response.StatusCode = answer.Status;
        response.ContentType = "application/json";
        response.ContentLength = answer.Body.Length;
        if (answer.RetryAfterSeconds is { } seconds)
            response.Headers.RetryAfter = seconds.ToString(CultureInfo.InvariantCulture);
        if (answer.IdHeader is { } name && response.Headers["x-request-id"] is [{ } id])
            response.Headers[name] = id;
        if (answer.ShouldRetry is { } retry)
            response.Headers["x-should-retry"] = retry ? "true" : "false";
        foreach (var (header, value) in answer.Headers)
            response.Headers[header] = value;
        await response.Body.WriteAsync(answer.Body, context.RequestAborted);
    }
}
