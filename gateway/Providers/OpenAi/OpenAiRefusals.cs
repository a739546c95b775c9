using System.Text.Encodings.Web;
using System.Text.Json;
using Quota.Gateway.Limits;
using Quota.Shared.ControlPlane;

namespace Quota.Gateway.Providers.OpenAi;

/// <summary>
/// Refusals as OpenAI's clients know them: <c>{"error":{message,type,param,code}}</c>, and beside it a <c>quota</c> object that says
/// which limit, how full it is and what would fit (platform.openai.com/docs/guides/error-codes).
/// </summary>
internal static class OpenAiRefusals
{
    /// <summary>People read these bodies in terminals: quotes and letters stay as they are. Nothing here is ever put into HTML.</summary>
    private static readonly JsonWriterOptions ForPeople = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

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
        var (standing, limit) = (it.Standing, it.Standing.Limit);
        var window = limit.Terms.Window;
        if (window.IsNone)
        {
            return Error(429, "requests", null, "rate_limit_exceeded",
                $"Limit '{limit.Code}' of {limit.Scope} reached: {limit.Amount} requests at once. Try again in 1s.", Quota(standing)) with { RetryAfterSeconds = 1 };
        }
        if (window.IsRate)
        {
            var resets = DateTimeOffset.FromUnixTimeMilliseconds(standing.ResetsAtMs ?? 0);
            var wait = (int)Math.Clamp(Math.Ceiling((resets - it.At).TotalSeconds), 1, 86_400);
            return Error(429, limit.Terms.Meter == Meters.Requests ? "requests" : "tokens", null, "rate_limit_exceeded",
                $"Rate limit '{limit.Code}' of {limit.Scope} reached: {Shown(limit, limit.Amount)} {limit.Terms.Meter} per {window.Every}. Try again in {wait}s.", Quota(standing))
                with { RetryAfterSeconds = wait };
        }
        // As OpenAI answers an account without money: not worth a retry, and never a Retry-After that an SDK would sleep for.
        var anew = standing.ResetsAtMs is { } at ? $" It starts anew at {DateTimeOffset.FromUnixTimeMilliseconds(at):yyyy-MM-ddTHH:mm:ssZ}." : " It never starts anew.";
        return Error(429, "insufficient_quota", null, "insufficient_quota",
            $"The budget '{limit.Code}' of {limit.Scope} is used up: {Shown(limit, standing.Remaining)} of {Shown(limit, limit.MostAtOnce)} left, this call may need {Shown(limit, standing.Requested)}.{anew}",
            Quota(standing)) with { ShouldRetry = false };
    }

    private static RefusalAnswer NeverFits(Refusal.NeverFits it)
    {
        var (standing, limit) = (it.Standing, it.Standing.Limit);
        return Error(400, "invalid_request_error", standing.FitsOutputTokens is null ? null : "max_completion_tokens", "quota_never_fits",
            $"This call may need {Shown(limit, standing.Requested)}, more than the whole limit '{limit.Code}' of {limit.Scope} ({Shown(limit, limit.MostAtOnce)}). "
                + (standing.FitsOutputTokens is > 0 and { } fits ? $"With this input, at most {fits} output tokens fit." : "It cannot fit with this input."),
            Quota(standing));
    }

    private static RefusalAnswer Error(int status, string type, string? parameter, string? code, string message, Action<Utf8JsonWriter>? quota = null)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, ForPeople))
        {
            json.WriteStartObject();
            json.WriteStartObject("error");
            json.WriteString("message", message);
            json.WriteString("type", type);
            json.WriteString("param", parameter);
            json.WriteString("code", code);
            quota?.Invoke(json);   // the npm SDK hands its callers what is inside `error` only
            json.WriteEndObject();
            quota?.Invoke(json);
            json.WriteEndObject();
        }
        return new RefusalAnswer(status, buffer.ToArray());
    }

    private static Action<Utf8JsonWriter> Quota(LimitStanding standing) => json =>
    {
        var limit = standing.Limit;
        json.WriteStartObject("quota");
        json.WriteString("limit", limit.Code);
        json.WriteString("scope", limit.Scope);
        json.WriteString("meter", limit.Terms.Meter);
        json.WriteString("mode", limit.Terms.Mode);
        json.WriteString("window", limit.Terms.Window.IsNone ? null : limit.Terms.Window.ToString());
        json.WriteString("amount", limit.Show(limit.MostAtOnce));
        if (limit.Terms.IsMoney)
            json.WriteString("currency", limit.Terms.Currency);
        if (standing.IsCounted)
        {
            json.WriteString("used", limit.Show(standing.Used));
            json.WriteString("held", limit.Show(standing.Held));
            json.WriteString("remaining", limit.Show(standing.Remaining));
            json.WriteString("resets_at", standing.ResetsAtMs is { } resets ? DateTimeOffset.FromUnixTimeMilliseconds(resets).ToString("yyyy-MM-ddTHH:mm:ss.fffZ", CultureInfo.InvariantCulture) : null);
        }
        json.WriteString("requested", standing.Requested is { } requested ? limit.Show(requested) : null);
        if (standing.FitsOutputTokens is { } tokens)
        {
            json.WriteStartObject("fits");
            json.WriteNumber("output_tokens", tokens);
            json.WriteEndObject();
        }
        json.WriteEndObject();
    };

    private static string Shown(Limit limit, long? amount) => amount is not { } units ? "more than can be counted"
        : limit.Terms.IsMoney ? $"{limit.Show(units)} {limit.Terms.Currency}" : limit.Show(units);
}
