using Quota.Gateway.Limits;

namespace Quota.Gateway.Providers.Anthropic;

/// <summary>
/// Refusals as Anthropic's clients know them: <c>{"type":"error","error":{type,message}}</c> (docs.claude.com/en/api/errors), and beside it
/// a <c>quota</c> object. A used-up budget is 402 <c>billing_error</c>, which its SDKs do not repeat.
/// </summary>
internal static class AnthropicRefusals
{
    public static RefusalAnswer Answer(Refusal refusal) => refusal switch
    {
        Refusal.BadKey => Error(401, "authentication_error", "invalid x-api-key: it is unknown, revoked or expired"),
        Refusal.ModelNotAllowed it => Error(403, "permission_error", $"model_not_allowed: this API key may not use the model '{it.Model}'"),
        Refusal.UnknownModel it => Error(404, "not_found_error", $"model: {it.Model} does not exist here, no upstream serves it"),
        Refusal.UnknownRoute it => Error(404, "not_found_error", $"{it.Method} {it.Path} is not metered, so it is not forwarded"),
        Refusal.BadRequest it => Error(400, "invalid_request_error", it.Parameter is null ? it.Message : $"{it.Parameter}: {it.Message}"),
        Refusal.BodyTooLarge it => Error(413, "request_too_large", $"The body is larger than {it.MaxBytes} bytes."),
        Refusal.LimitReached it => LimitReached(it),
        Refusal.NeverFits it => NeverFits(it),
        Refusal.Unavailable it => Error(503, "api_error", $"{it.Part}_unavailable: {it.Message}") with { RetryAfterSeconds = it.RetryAfterSeconds },
        Refusal.UpstreamUnreachable => Error(502, "api_error", "The model provider cannot be reached."),
        Refusal.UpstreamSilent => Error(504, "timeout_error", "The model provider did not answer in time."),
        _ => throw new ArgumentOutOfRangeException(nameof(refusal), refusal, "not a refusal"),
    };

    private static RefusalAnswer LimitReached(Refusal.LimitReached it)
    {
        var standing = it.Standing;
        if (it.WaitSeconds is { } seconds)
            return Error(429, "rate_limit_error", $"{it.What} Try again in {seconds}s.", standing) with { RetryAfterSeconds = seconds };
        // Not worth a retry, and never a Retry-After that an SDK would sleep for.
        return Error(it.BudgetStatus ?? 402, "billing_error", it.What, standing) with { ShouldRetry = false };
    }

    private static RefusalAnswer NeverFits(Refusal.NeverFits it) =>
        Error(400, "invalid_request_error", (it.Standing.FitsOutputTokens is null ? "" : "max_tokens: ") + it.What, it.Standing);

    private static RefusalAnswer Error(int status, string type, string message, LimitStanding? standing = null) => new(status, JsonText.Of(json =>
    {
        json.WriteString("type", "error");
        json.WriteStartObject("error");
        json.WriteString("type", type);
        json.WriteString("message", message);
        json.WriteEndObject();
        if (standing is not null)
            QuotaObject.Of(standing)(json);
    })) { IdHeader = "request-id" };
}
