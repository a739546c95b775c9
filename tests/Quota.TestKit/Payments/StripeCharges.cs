using System.Text.Json.Nodes;

namespace Quota.TestKit;

/// <summary>The bank's side: a confirmed intent succeeds, is declined by its card, or stays in processing while faults hold it there.</summary>
internal sealed class StripeCharges(StripeState state, StripeFaults faults, Action<string, JsonObject> emit)
{
    public static string StatusOf(JsonObject intent) => intent["status"]!.GetValue<string>();

    /// <summary>Charges the intent's payment method. A decline throws after it was written to the intent.</summary>
    public JsonObject Confirm(JsonObject intent, PaymentMethods methods)
    {
        if (intent["payment_method"]?.GetValue<string>() is not { } id)
        {
            throw StripeProblem.Invalid(
                "payment_intent_unexpected_state", "You cannot confirm this PaymentIntent because it's missing a payment method.", "payment_method");
        }

        var method = methods.Resolve(id);
        var card = TestCard.Of(method);
        if (card.Refusal is not null)
            throw Decline(intent, method, card);
        if (!faults.HoldInProcessing)
            return Succeed(intent);
        intent["status"] = "processing";
        emit("payment_intent.processing", intent);
        return intent;
    }

    public JsonObject Succeed(JsonObject intent)
    {
        intent["status"] = "succeeded";
        intent["amount_received"] = intent["amount"]!.DeepClone();
        intent["latest_charge"] = StripeIds.New("ch");
        intent["last_payment_error"] = null;
        state.Captures.Add(new StripeCapture(
            intent["id"]!.GetValue<string>(),
            intent["amount"]!.GetValue<long>(),
            intent["currency"]!.GetValue<string>(),
            intent["customer"]?.GetValue<string>(),
            intent["metadata"]!.AsObject().ToDictionary(m => m.Key, m => m.Value!.GetValue<string>())));
        emit("payment_intent.succeeded", intent);
        return intent;
    }

    public StripeProblem Decline(JsonObject intent, JsonObject method, TestCard card)
    {
        var charge = StripeIds.New("ch");
        var error = card.Error(method, charge);
        intent["status"] = "requires_payment_method";
        intent["payment_method"] = null;
        intent["latest_charge"] = charge;
        intent["last_payment_error"] = error.DeepClone();
        emit("payment_intent.payment_failed", intent);
        return StripeProblem.Declined(error, intent);
    }
}
