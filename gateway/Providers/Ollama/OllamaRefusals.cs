using System.Text.Json;

namespace Quota.Gateway.Providers.Ollama;

/// <summary>Refusals as Ollama's clients know them: <c>{"error":"…"}</c> (docs.ollama.com/api/errors), and beside it the <c>quota</c> object.</summary>
internal static class OllamaRefusals
{
    public static RefusalAnswer Answer(Refusal refusal) => refusal switch
    {
        Refusal.BadKey => Error(401, "unauthorized: the API key is unknown, revoked or expired"),
        Refusal.ModelNotAllowed it => Error(403, $"model_not_allowed: this API key may not use the model '{it.Model}'"),
        Refusal.UnknownModel it => Error(404, $"model '{it.Model}' not found: no upstream serves it"),
        Refusal.UnknownRoute it => Error(404, $"{it.Method} {it.Path} is not metered, so it is not forwarded"),
        Refusal.BadRequest it => Error(400, it.Message),
        Refusal.BodyTooLarge it => Error(413, $"the body is larger than {it.MaxBytes} bytes"),
        Refusal.LimitReached { WaitSeconds: { } seconds } it => Error(429, $"rate_limit_exceeded: {it.What} Try again in {seconds}s.", QuotaObject.Of(it.Standing)) with { RetryAfterSeconds = seconds },
        Refusal.LimitReached it => Error(it.BudgetStatus ?? 429, $"insufficient_quota: {it.What}", QuotaObject.Of(it.Standing)) with { ShouldRetry = false },
        Refusal.NeverFits it => Error(400, $"quota_never_fits: {it.What}", QuotaObject.Of(it.Standing)),
        Refusal.Unavailable it => Error(503, $"{it.Part}_unavailable: {it.Message}") with { RetryAfterSeconds = it.RetryAfterSeconds },
        Refusal.UpstreamUnreachable => Error(502, "the model server cannot be reached"),
        Refusal.UpstreamSilent => Error(504, "the model server did not answer in time"),
        _ => throw new ArgumentOutOfRangeException(nameof(refusal), refusal, "not a refusal"),
    };

    private static RefusalAnswer Error(int status, string message, Action<Utf8JsonWriter>? quota = null) => new(status, JsonText.Of(json =>
    {
        json.WriteString("error", message);
        quota?.Invoke(json);
    }));
}
