using System.Text.Json;
using Quota.Shared.ControlPlane;

namespace Quota.Gateway.Providers.OpenAi;

/// <summary>
/// Refusals as OpenAI's clients know them: <c>{"error":{message,type,param,code}}</c>, and beside it a <c>quota</c> object that says
/// which limit, how full it is and what would fit (platform.openai.com/docs/guides/error-codes).
/// </summary>
internal static class OpenAiRefusals
{
    public static RefusalAnswer Answer(Refusal refusal) => refusal switch
    {
        Refusal.BadKey => Error(401, "invalid_request_error", null, "invalid_api_key", "Incorrect API key provided. It is unknown, revoked or expired."),
        Refusal.ModelNotAllowed it => Error(403, "invalid_request_error", "model", "model_not_allowed", $"This API key may not use the model '{it.Model}'."),
        Refusal.UnknownModel it => Error(404, "invalid_request_error", "model", "model_not_found", $"The model '{it.Model}' does not exist here: no upstream serves it."),
        Refusal.UnknownRoute it => Error(404, "invalid_request_error", null, "unknown_url", $"Unknown request URL: {it.Method} {it.Path}. It is not metered, so it is not forwarded."),
        Refusal.BadRequest it => Error(400, "invalid_request_error", it.Parameter, null, it.Message),
        Refusal.BodyTooLarge it => Error(413, "invalid_request_error", null, "request_too_large", $"The body is larger than {it.MaxBytes} bytes."),
        Refusal.LimitReached it => LimitReached(it),
        Refusal.NeverFits it => NeverFits(it),
        Refusal.Unavailable it => Error(503, "server_error", null, it.Part + "_unavailable", it.Message) with { RetryAfterSeconds = it.RetryAfterSeconds },
        Refusal.UpstreamUnreachable => Error(502, "server_error", null, "upstream_unreachable", "The model provider cannot be reached."),
        Refusal.UpstreamSilent => Error(504, "server_error", null, "upstream_timeout", "The model provider did not answer in time."),
        _ => throw new ArgumentOutOfRangeException(nameof(refusal), refusal, "not a refusal"),
    };

    private static RefusalAnswer LimitReached(Refusal.LimitReached it)
    {
        var terms = it.Standing.Limit.Terms;
        if (it.WaitSeconds is { } seconds)
        {
            return Error(429, terms.Window.IsNone || terms.Meter == Meters.Requests ? "requests" : "tokens", null, "rate_limit_exceeded", $"{it.What} Try again in {seconds}s.", QuotaObject.Of(it.Standing))
                with { RetryAfterSeconds = seconds };
        }
        // As OpenAI answers an account without money: not worth a retry, and never a Retry-After that an SDK would sleep for.
        return Error(it.BudgetStatus ?? 429, "insufficient_quota", null, "insufficient_quota", it.What, QuotaObject.Of(it.Standing)) with { ShouldRetry = false };
    }

    private static RefusalAnswer NeverFits(Refusal.NeverFits it) =>
        Error(400, "invalid_request_error", it.Standing.FitsOutputTokens is null ? null : "max_completion_tokens", "quota_never_fits", it.What, QuotaObject.Of(it.Standing));

    private static RefusalAnswer Error(int status, string type, string? parameter, string? code, string message, Action<Utf8JsonWriter>? quota = null) => new(status, JsonText.Of(json =>
    {
        json.WriteStartObject("error");
        json.WriteString("message", message);
        json.WriteString("type", type);
        json.WriteString("param", parameter);
        json.WriteString("code", code);
        quota?.Invoke(json);   // the npm SDK hands its callers what is inside `error` only
        json.WriteEndObject();
        quota?.Invoke(json);
    }));
}
