using System.Text.Json.Nodes;

namespace Quota.TestKit;

/// <summary>An answer as it goes out.</summary>
internal sealed record StripeAnswer(int Status, string Body, bool Replayed = false);

/// <summary>
/// Answers kept by idempotency key. As at Stripe, what began to execute is kept, declines included; calls that were refused
/// before (bad parameters, wrong state, unknown id) are not. Used under the state's lock.
/// </summary>
internal sealed class StripeIdempotency(StripeState state)
{
    public StripeAnswer? Replay(string key, string call)
    {
        if (state.All("idempotency")[key] is not JsonObject kept)
            return null;
        if (kept["call"]!.GetValue<string>() != call)
            throw StripeProblem.KeyReused(key);
        return new StripeAnswer(kept["status"]!.GetValue<int>(), kept["body"]!.GetValue<string>(), Replayed: true);
    }

    public void Keep(string key, string call, StripeAnswer answer)
    {
        if (answer.Status is not (200 or 402))
            return;
        state.All("idempotency")[key] = new JsonObject { ["call"] = call, ["status"] = answer.Status, ["body"] = answer.Body };
    }
}
