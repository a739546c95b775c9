using System.Text.Json.Nodes;

namespace Quota.TestKit;

/// <summary>A refusal: the HTTP status and Stripe's <c>error</c> object.</summary>
internal sealed class StripeProblem(int status, JsonObject error) : Exception(error["message"]?.GetValue<string>())
{
    public int Status { get; } = status;

    public JsonObject Body { get; } = new() { ["error"] = error };

    public static StripeProblem Invalid(string code, string message, string? param = null, int status = 400)
    {
        var error = new JsonObject
        {
            ["code"] = code,
            ["doc_url"] = $"https://stripe.com/docs/error-codes/{code.Replace('_', '-')}",
            ["message"] = message,
            ["type"] = "invalid_request_error",
        };
        if (param is not null)
            error["param"] = param;
        return new StripeProblem(status, error);
    }

    public static StripeProblem Missing(string kind, string id) =>
        Invalid("resource_missing", $"No such {kind}: '{id}'", kind == "customer" ? "customer" : "id", 404);

    public static StripeProblem Unauthorized() =>
        new(401, new JsonObject { ["message"] = "Invalid API Key provided.", ["type"] = "invalid_request_error" });

    public static StripeProblem KeyReused(string key) => new(400, new JsonObject
    {
        ["message"] = "Keys for idempotent requests can only be used with the same parameters they were first used with. "
            + $"Try using a key other than '{key}' if you meant to execute a different request.",
        ["type"] = "idempotency_error",
    });

    /// <summary>The state of an intent does not allow what was asked.</summary>
    public static StripeProblem UnexpectedState(JsonObject intent, string verb)
    {
        var problem = Invalid(
            "payment_intent_unexpected_state",
            $"You cannot {verb} this PaymentIntent because it has a status of {intent["status"]!.GetValue<string>()}.");
        problem.Body["error"]!["payment_intent"] = intent.DeepClone();
        return problem;
    }

    /// <summary>The bank said no. The error also stays on the intent as <c>last_payment_error</c>.</summary>
    public static StripeProblem Declined(JsonObject error, JsonObject intent)
    {
        var answered = (JsonObject)error.DeepClone();
        answered["payment_intent"] = intent.DeepClone();
        return new StripeProblem(402, answered);
    }
}
