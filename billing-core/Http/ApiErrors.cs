using System.Globalization;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.WebUtilities;

namespace Quota.Billing.Http;

/// <summary>The refusals of this API, in Lago's shape. Every error answer of the process is one of these.</summary>
internal static class ApiErrors
{
    public static IResult Unauthorized() => Of(StatusCodes.Status401Unauthorized);

    public static IResult Forbidden(string code, string? message = null) => Of(StatusCodes.Status403Forbidden, code, Details("message", message));

    /// <summary><c>NotFound("customer")</c> is 404 <c>customer_not_found</c>.</summary>
    public static IResult NotFound(string what) => Of(StatusCodes.Status404NotFound, what + "_not_found");

    public static IResult BadRequest(string problem) => Of(StatusCodes.Status400BadRequest, "bad_request", Details("body", problem));

    public static IResult Unprocessable(Validation validation) =>
        Of(StatusCodes.Status422UnprocessableEntity, "validation_errors", validation.Details);

    /// <summary>One mistake that only showed when the input met what is stored.</summary>
    public static IResult Unprocessable(string field, string problem)
    {
        var validation = new Validation();
        validation.Add(field, problem);
        return Unprocessable(validation);
    }

    /// <summary>422 with details of another shape, such as a batch's <c>{"0":{…}}</c>.</summary>
    public static IResult UnprocessableWith(object details) => Of(StatusCodes.Status422UnprocessableEntity, "validation_errors", details);

    /// <summary>405 <c>not_allowed</c>: the state of the thing forbids it, e.g. finalizing a finalized invoice.</summary>
    public static IResult NotAllowed(string code = "not_allowed") => Of(StatusCodes.Status405MethodNotAllowed, code);

    /// <summary>Try again: nothing was done. <paramref name="status"/> is 429 or 503.</summary>
    public static IResult Busy(int status, TimeSpan retryAfter, string code) => new Retryable(Of(status, code), retryAfter);

    public static IResult Of(int status, string? code = null, object? details = null) =>
        Results.Json(new ErrorBody(status, ReasonPhrases.GetReasonPhrase(status), code, details), statusCode: status);

    private static Dictionary<string, string[]>? Details(string field, string? problem) =>
        problem is null ? null : new Dictionary<string, string[]> { [field] = [problem] };

    private sealed record ErrorBody(
        int Status,
        string Error,
        [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Code,
        [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] object? ErrorDetails);

    private sealed class Retryable(IResult inner, TimeSpan retryAfter) : IResult
    {
        public Task ExecuteAsync(HttpContext httpContext)
        {
            httpContext.Response.Headers.RetryAfter = ((long)Math.Ceiling(retryAfter.TotalSeconds)).ToString(CultureInfo.InvariantCulture);
            return inner.ExecuteAsync(httpContext);
        }
    }
}
