using System.Text.Json;

namespace Quota.Gateway.Providers.Gemini;

/// <summary>
/// Refusals as Google's clients know them: <c>{"error":{code,message,status,details}}</c> (google.aip.dev/193), where details are <c>google.rpc</c> messages,
/// and beside it a <c>quota</c> object. A used-up budget is 429 <c>RESOURCE_EXHAUSTED</c> as a rate is, but names no wait.
/// </summary>
internal static class GeminiRefusals
{
    private const string Google = "googleapis.com", Ours = "quota";

    public static RefusalAnswer Answer(Refusal refusal) => refusal switch
    {
        Refusal.BadKey => Error(401, "UNAUTHENTICATED", "API key not valid. It is unknown, revoked or expired.", Reason("API_KEY_INVALID", Google)),
        Refusal.ModelNotAllowed it => Error(403, "PERMISSION_DENIED", $"model_not_allowed: this API key may not use the model '{it.Model}'.", Reason("MODEL_NOT_ALLOWED", Ours)),
        Refusal.UnknownModel it => Error(404, "NOT_FOUND", $"models/{it.Model} is not found: no upstream serves it.", Reason("MODEL_NOT_FOUND", Ours)),
        Refusal.UnknownRoute it => Error(404, "NOT_FOUND", $"{it.Method} {it.Path} is not metered, so it is not forwarded."),
        Refusal.BadRequest it => BadRequest(it.Parameter, it.Message),
        Refusal.BodyTooLarge it => Error(413, "INVALID_ARGUMENT", $"The body is larger than {it.MaxBytes} bytes."),
        Refusal.LimitReached it => LimitReached(it),
        Refusal.NeverFits it => NeverFits(it),
        Refusal.Unavailable it => Error(503, "UNAVAILABLE", $"{it.Part}_unavailable: {it.Message}", Wait(it.RetryAfterSeconds)) with { RetryAfterSeconds = it.RetryAfterSeconds },
        Refusal.UpstreamUnreachable => Error(502, "UNAVAILABLE", "The model provider cannot be reached."),
        Refusal.UpstreamSilent => Error(504, "DEADLINE_EXCEEDED", "The model provider did not answer in time."),
        _ => throw new ArgumentOutOfRangeException(nameof(refusal), refusal, "not a refusal"),
    };

    private static RefusalAnswer BadRequest(string? field, string message) => Error(400, "INVALID_ARGUMENT", field is null ? message : $"{field}: {message}", field is null ? null : json =>
    {
        json.WriteString("@type", "type.googleapis.com/google.rpc.BadRequest");
        json.WriteStartArray("fieldViolations");
        json.WriteStartObject();
        json.WriteString("field", field);
        json.WriteString("description", message);
        json.WriteEndObject();
        json.WriteEndArray();
    });

    private static RefusalAnswer LimitReached(Refusal.LimitReached it)
    {
        var quota = QuotaObject.Of(it.Standing);
        if (it.WaitSeconds is { } seconds)
            return Error(429, "RESOURCE_EXHAUSTED", $"{it.What} Try again in {seconds}s.", Wait(seconds), quota) with { RetryAfterSeconds = seconds };
        // Not worth a retry, and never a wait that a client would sleep for.
        return Error(it.BudgetStatus ?? 429, "RESOURCE_EXHAUSTED", it.What, Reason("INSUFFICIENT_QUOTA", Ours), quota) with { ShouldRetry = false };
    }

    private static RefusalAnswer NeverFits(Refusal.NeverFits it) => Error(
        400, "INVALID_ARGUMENT", (it.Standing.FitsOutputTokens is null ? "" : "generationConfig.maxOutputTokens: ") + it.What, Reason("QUOTA_NEVER_FITS", Ours), QuotaObject.Of(it.Standing));

    private static Action<Utf8JsonWriter> Reason(string reason, string domain) => json =>
    {
        json.WriteString("@type", "type.googleapis.com/google.rpc.ErrorInfo");
        json.WriteString("reason", reason);
        json.WriteString("domain", domain);
    };

    /// <summary>A duration as protobuf's JSON has it: <c>12s</c>.</summary>
    private static Action<Utf8JsonWriter> Wait(int seconds) => json =>
    {
        json.WriteString("@type", "type.googleapis.com/google.rpc.RetryInfo");
        json.WriteString("retryDelay", seconds.ToString(CultureInfo.InvariantCulture) + "s");
    };

    private static RefusalAnswer Error(int code, string status, string message, Action<Utf8JsonWriter>? detail = null, Action<Utf8JsonWriter>? quota = null) => new(code, JsonText.Of(json =>
    {
        json.WriteStartObject("error");
        json.WriteNumber("code", code);
        json.WriteString("message", message);
        json.WriteString("status", status);
        if (detail is not null)
        {
            json.WriteStartArray("details");
            json.WriteStartObject();
            detail(json);
            json.WriteEndObject();
            json.WriteEndArray();
        }
        json.WriteEndObject();
        quota?.Invoke(json);
    }));
}
