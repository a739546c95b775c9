using Quota.Gateway.Limits;

namespace Quota.Gateway.Providers.Bedrock;

/// <summary>
/// Refusals as the AWS SDKs know them: <c>{"message"}</c>, the type in <c>x-amzn-ErrorType</c> (docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html,
/// errors), and beside the message a <c>quota</c> object. A used-up budget is <c>ServiceQuotaExceededException</c> with Bedrock's own status for it, 400:
/// the SDKs repeat throttling, every 429 and 500, 502, 503, 504, but not this (docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html).
/// </summary>
internal static class BedrockRefusals
{
    public static RefusalAnswer Answer(Refusal refusal) => refusal switch
    {
        Refusal.BadKey => Error(401, "UnrecognizedClientException", "The API key in Authorization: Bearer is missing, unknown, revoked or expired."),
        Refusal.ModelNotAllowed it => Error(403, "AccessDeniedException", $"model_not_allowed: this API key may not use the model '{it.Model}'."),
        Refusal.UnknownModel it => Error(404, "ResourceNotFoundException", $"The model '{it.Model}' does not exist here: no upstream serves it."),
        Refusal.UnknownRoute it => Error(404, "ResourceNotFoundException", $"{it.Method} {it.Path} is not metered, so it is not forwarded."),
        Refusal.BadRequest it => Error(400, "ValidationException", it.Parameter is null ? it.Message : $"{it.Parameter}: {it.Message}"),
        Refusal.BodyTooLarge it => Error(413, "ValidationException", $"The body is larger than {it.MaxBytes} bytes."),
        Refusal.LimitReached it => LimitReached(it),
        Refusal.NeverFits it => Error(400, "ValidationException", it.What, it.Standing),
        Refusal.Unavailable it => Error(503, "ServiceUnavailableException", $"{it.Part}_unavailable: {it.Message}") with { RetryAfterSeconds = it.RetryAfterSeconds },
        Refusal.UpstreamUnreachable => Error(502, "ServiceUnavailableException", "The model provider cannot be reached."),
        Refusal.UpstreamSilent => Error(504, "ModelTimeoutException", "The model provider did not answer in time."),
        _ => throw new ArgumentOutOfRangeException(nameof(refusal), refusal, "not a refusal"),
    };

    private static RefusalAnswer LimitReached(Refusal.LimitReached it) => it.WaitSeconds is { } seconds
        ? Error(429, "ThrottlingException", $"{it.What} Try again in {seconds}s.", it.Standing) with { RetryAfterSeconds = seconds }
        : Error(it.BudgetStatus ?? 400, "ServiceQuotaExceededException", it.What, it.Standing) with { ShouldRetry = false };

    private static RefusalAnswer Error(int status, string type, string message, LimitStanding? standing = null) => new(status, JsonText.Of(json =>
    {
        json.WriteString("message", message);
        if (standing is not null)
            QuotaObject.Of(standing)(json);
    })) { IdHeader = "x-amzn-RequestId", Headers = [("x-amzn-ErrorType", type)] };
}
