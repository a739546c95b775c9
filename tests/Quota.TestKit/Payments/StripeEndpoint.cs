using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace Quota.TestKit;

/// <summary>HTTP around <see cref="StripeRoutes"/>: key, form body, headers, and the faults that strike between work and answer.</summary>
internal sealed class StripeEndpoint(StripeRoutes routes, StripeFaults faults, FakeStripeOptions options, Func<IReadOnlyList<StripeCapture>> captures)
{
    private static readonly JsonSerializerOptions SnakeCase = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    public async Task AnswerAsync(HttpContext context)
    {
        var request = context.Request;
        if (request.Path == "/_log/captures")
        {
            await WriteAsync(context, new StripeAnswer(200, JsonSerializer.Serialize(new { Captures = captures() }, SnakeCase)));
            return;
        }

        var parameters = await ParametersAsync(request);
        var call = $"{request.Method} {request.Path}";
        var answer = Refusal(request, call) ?? routes.Execute(
            request.Method, request.Path, parameters, request.Headers["Idempotency-Key"].FirstOrDefault());
        await Task.Delay(faults.AnswerDelay, options.Time, CancellationToken.None);
        if (faults.TakeLoss(call))
            context.Abort();
        else
            await WriteAsync(context, answer);
    }

    private StripeAnswer? Refusal(HttpRequest request, string call)
    {
        if (request.Headers.Authorization != "Bearer " + options.ApiKey)
            return new StripeAnswer(401, StripeProblem.Unauthorized().Body.ToJsonString());
        if (!request.Path.StartsWithSegments("/v1"))
            return new StripeAnswer(404, StripeProblem.Invalid("url_invalid", "Unrecognized request URL.").Body.ToJsonString());
        return faults.TakeFailure(call) is { } status
            ? new StripeAnswer(status, """{"error":{"message":"The stand-in was told to fail.","type":"api_error"}}""")
            : null;
    }

    private static async Task<string> ParametersAsync(HttpRequest request)
    {
        if (!HttpMethods.IsPost(request.Method))
            return request.QueryString.Value ?? "";
        using var reader = new StreamReader(request.Body);
        return await reader.ReadToEndAsync();
    }

    private static async Task WriteAsync(HttpContext context, StripeAnswer answer)
    {
        var response = context.Response;
        response.StatusCode = answer.Status;
        response.ContentType = "application/json";
        response.Headers["Request-Id"] = StripeIds.New("req");
        if (context.Request.Headers["Stripe-Version"].FirstOrDefault() is { } version)
            response.Headers["Stripe-Version"] = version;
        if (context.Request.Headers["Idempotency-Key"].FirstOrDefault() is { } key)
            response.Headers["Idempotency-Key"] = key;
        if (answer.Replayed)
            response.Headers["Idempotent-Replayed"] = "true";
        await response.WriteAsync(answer.Body);
    }
}
