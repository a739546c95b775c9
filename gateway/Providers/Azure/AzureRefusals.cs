using System.Text.Json;
using Quota.Gateway.Limits;

namespace Quota.Gateway.Providers.Azure;

/// <summary>
/// Refusals as Azure's clients know them: <c>{"error":{"code":…,"message":…}}</c>, the code of some being the status itself
/// (learn.microsoft.com/azure/ai-services/openai/reference, ErrorResponse), and a <c>quota</c> object beside it and inside.
/// </summary>
internal static class AzureRefusals
{
    public static RefusalAnswer Answer(Refusal refusal) => refusal switch
    {
        Refusal.BadKey => Error(401, "401", "Access denied due to invalid subscription key: it is unknown, revoked or expired."),
        Refusal.ModelNotAllowed it => Error(403, "model_not_allowed", $"This API key may not use the model '{it.Model}'."),
        Refusal.UnknownModel it => Error(404, "DeploymentNotFound", $"The deployment '{it.Model}' does not exist here: no upstream serves it."),
        Refusal.UnknownRoute it => Error(404, "404", $"Resource not found: {it.Method} {it.Path}. It is not metered, so it is not forwarded."),
        Refusal.BadRequest it => Error(400, "BadRequest", it.Message, it.Parameter),
        Refusal.BodyTooLarge it => Error(413, "413", $"The body is larger than {it.MaxBytes} bytes."),
        Refusal.LimitReached it => LimitReached(it),
        Refusal.NeverFits it => Error(400, "quota_never_fits", it.What, it.Standing.FitsOutputTokens is null ? null : "max_completion_tokens", it.Standing),
        Refusal.Unavailable it => Error(503, it.Part + "_unavailable", it.Message) with { RetryAfterSeconds = it.RetryAfterSeconds },
        Refusal.UpstreamUnreachable => Error(502, "upstream_unreachable", "The model provider cannot be reached."),
        Refusal.UpstreamSilent => Error(504, "Timeout", "The model provider did not answer in time."),
        _ => throw new ArgumentOutOfRangeException(nameof(refusal), refusal, "not a refusal"),
    };

    private static RefusalAnswer LimitReached(Refusal.LimitReached it)
    {
        if (it.WaitSeconds is { } seconds)
            return Error(429, "429", $"{it.What} Please retry after {seconds} seconds.", standing: it.Standing) with { RetryAfterSeconds = seconds };
        return Error(it.BudgetStatus ?? 429, "insufficient_quota", it.What, standing: it.Standing) with { ShouldRetry = false };
    }

    private static RefusalAnswer Error(int status, string code, string message, string? parameter = null, LimitStanding? standing = null) => new(status, JsonText.Of(json =>
    {
        json.WriteStartObject("error");
        json.WriteString("code", code);
        json.WriteString("message", message);
        if (parameter is not null)
            json.WriteString("param", parameter);
        if (standing is not null)
            QuotaObject.Of(standing)(json);   // OpenAI's npm SDK, which speaks Azure too, hands its callers what is inside `error` only
        json.WriteEndObject();
        if (standing is not null)
            QuotaObject.Of(standing)(json);
    })) { IdHeader = "apim-request-id" };
}
