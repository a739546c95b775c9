using System.Text.Encodings.Web;
using System.Text.Json;
using Quota.Gateway.Limits;
using Quota.Shared.Amounts;

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
        var (counter, limit) = (it.Counter, it.Counter.Limit);
        var resets = DateTimeOffset.FromUnixTimeMilliseconds(counter.ResetsAtMs);
        var quota = Quota(limit, counter.Quantity, counter, it.FitsOutputTokens);
        if (!limit.IsRate)
        {
            // As OpenAI answers an account without money: not worth a retry, and never a Retry-After that an SDK would sleep for.
            return Error(429, "insufficient_quota", null, "insufficient_quota",
                $"The budget '{limit.Code}' of {limit.Scope} is used up: {Shown(limit, counter.Headroom)} of {Shown(limit, limit.MostAtOnce)} left, this call may need {Shown(limit, counter.Quantity)}. It starts anew at {resets:yyyy-MM-ddTHH:mm:ssZ}.",
                quota) with { ShouldRetry = false };
        }
        var wait = (int)Math.Clamp(Math.Ceiling((resets - it.At).TotalSeconds), 1, 86_400);
        return Error(429, "requests", null, "rate_limit_exceeded",
            $"Rate limit '{limit.Code}' of {limit.Scope} reached: {limit.Amount} per {limit.Terms.Window.Every}. Try again in {wait}s.", quota)
            with { RetryAfterSeconds = wait };
    }

    private static RefusalAnswer NeverFits(Refusal.NeverFits it) => Error(400, "invalid_request_error", it.FitsOutputTokens is null ? null : "max_completion_tokens", "quota_never_fits",
        $"This call may need {Shown(it.Limit, it.Requested)}, more than the whole limit '{it.Limit.Code}' of {it.Limit.Scope} ({Shown(it.Limit, it.Limit.MostAtOnce)}). "
            + (it.FitsOutputTokens is > 0 and { } fits ? $"With this input, at most {fits} output tokens fit." : "It cannot fit with this input."),
        Quota(it.Limit, it.Requested, null, it.FitsOutputTokens));

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
            json.WriteEndObject();
            quota?.Invoke(json);
            json.WriteEndObject();
        }
        return new RefusalAnswer(status, buffer.ToArray());
    }

    private static Action<Utf8JsonWriter> Quota(Limit limit, long requested, HeldCounter? counter, long? fits) => json =>
    {
        json.WriteStartObject("quota");
        json.WriteString("limit", limit.Code);
        json.WriteString("scope", limit.Scope);
        json.WriteString("meter", limit.Terms.Meter);
        json.WriteString("mode", limit.Terms.Mode);
        json.WriteString("window", limit.IsRate ? $"rate/{limit.Terms.Window.Every}" : limit.Terms.Window.Kind);
        json.WriteString("amount", Number(limit, limit.MostAtOnce));
        if (limit.Terms.IsMoney)
            json.WriteString("currency", limit.Terms.Currency);
        if (counter is not null)
        {
            json.WriteString("used", Number(limit, counter.Used));
            json.WriteString("held", Number(limit, counter.HeldBefore));
            json.WriteString("remaining", Number(limit, counter.Headroom));
            json.WriteString("resets_at", DateTimeOffset.FromUnixTimeMilliseconds(counter.ResetsAtMs).ToString("yyyy-MM-ddTHH:mm:ss.fffZ", CultureInfo.InvariantCulture));
        }
        json.WriteString("requested", requested == long.MaxValue ? null : Number(limit, requested));
        if (fits is { } tokens)
        {
            json.WriteStartObject("fits");
            json.WriteNumber("output_tokens", tokens);
            json.WriteEndObject();
        }
        json.WriteEndObject();
    };

    private static string Shown(Limit limit, long amount) => amount == long.MaxValue ? "more than can be counted"
        : limit.Terms.IsMoney ? $"{Number(limit, amount)} {limit.Terms.Currency}" : Number(limit, amount);

    /// <summary>Money as decimal text in major units, anything else as a whole number.</summary>
    private static string Number(Limit limit, long amount) => limit.Terms.IsMoney
        ? NanoUnits.ToText(amount, Currency.Parse(limit.Terms.Currency!)) : amount.ToString(CultureInfo.InvariantCulture);
}
