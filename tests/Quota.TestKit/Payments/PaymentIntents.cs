using System.Text.Json.Nodes;

namespace Quota.TestKit;

/// <summary><c>/v1/payment_intents</c>: create, retrieve, update, confirm, cancel, list. States and refusals as Stripe's.</summary>
internal sealed class PaymentIntents(
    StripeState state, PaymentMethods methods, StripeCharges charges, Action<string, JsonObject> emit, TimeProvider time)
{
    private const int LargestAmount = 99_999_999;

    private static readonly string[] Texts = ["description", "receipt_email", "statement_descriptor", "statement_descriptor_suffix"];

    private static readonly string[] CreateParameters =
    [
        "amount", "currency", "customer", "payment_method", "allowed_payment_method_types", "automatic_payment_methods", "metadata", "description",
        "confirm", "off_session", "capture_method", "confirmation_method", "receipt_email", "setup_future_usage", "statement_descriptor",
        "statement_descriptor_suffix", "error_on_requires_action", "return_url",
    ];

    public JsonObject Create(StripeForm form)
    {
        form.Allow(CreateParameters);
        if (form.Has("off_session") && !form.Flag("confirm"))
            throw StripeProblem.Invalid("parameter_invalid", "off_session can only be used when confirm is true.", "off_session");
        var intent = StripeTemplates.New("payment_intent", StripeIds.New("pi"), time);
        intent["amount"] = Amount(form);
        intent["currency"] = form.Require("currency").ToLowerInvariant();
        intent["client_secret"] = $"{intent["id"]}_secret_{StripeIds.New("s")[2..]}";
        intent["customer"] = form["customer"] is { } customer ? state.Find("customer", customer)["id"]!.GetValue<string>() : null;
        if (form.Array("allowed_payment_method_types").ToArray() is { Length: > 0 } types)
        {
            intent["automatic_payment_methods"] = null;
            intent["payment_method_types"] = new JsonArray([.. types.Select(t => JsonValue.Create(t))]);
        }

        ApplyTexts(intent, form);
        state.Add("payment_intent", intent);
        emit("payment_intent.created", intent);
        return form.Flag("confirm") ? charges.Confirm(intent, methods) : intent;
    }

    public JsonObject Retrieve(string id) => state.Find("payment_intent", id);

    public JsonObject Update(string id, StripeForm form)
    {
        form.Allow("amount", "payment_method", "metadata", "description", "receipt_email");
        var intent = state.Find("payment_intent", id);
        if (StripeCharges.StatusOf(intent) is "processing" or "succeeded" or "canceled" && (form.Has("amount") || form.Has("payment_method")))
            throw StripeProblem.UnexpectedState(intent, "update");
        if (form.Has("amount"))
            intent["amount"] = Amount(form);
        ApplyTexts(intent, form);
        return intent;
    }

    public JsonObject Confirm(string id, StripeForm form)
    {
        form.Allow("payment_method", "off_session", "return_url", "error_on_requires_action", "receipt_email", "allowed_payment_method_types");
        var intent = state.Find("payment_intent", id);
        if (StripeCharges.StatusOf(intent) is not ("requires_payment_method" or "requires_confirmation"))
            throw StripeProblem.UnexpectedState(intent, "confirm");
        ApplyTexts(intent, form);
        return charges.Confirm(intent, methods);
    }

    public JsonObject Cancel(string id, StripeForm form)
    {
        form.Allow("cancellation_reason");
        var intent = state.Find("payment_intent", id);
        if (StripeCharges.StatusOf(intent) is "succeeded" or "canceled")
            throw StripeProblem.UnexpectedState(intent, "cancel");
        intent["status"] = "canceled";
        intent["canceled_at"] = time.GetUtcNow().ToUnixTimeSeconds();
        intent["cancellation_reason"] = form["cancellation_reason"];
        emit("payment_intent.canceled", intent);
        return intent;
    }

    public JsonObject List(StripeForm form)
    {
        form.Allow("customer", "limit", "starting_after");
        return StripeList.Page(state.All("payment_intent"), "/v1/payment_intents", form,
            intent => form["customer"] is not { } customer || intent["customer"]?.GetValue<string>() == customer);
    }

    private static long Amount(StripeForm form)
    {
        var amount = form.RequireInteger("amount");
        // Stripe's smallest charge is about half a dollar; for most currencies that is 50 minor units.
        if (amount < 50)
            throw StripeProblem.Invalid("amount_too_small", "Amount must be at least 50 of the currency's minor unit.", "amount");
        if (amount > LargestAmount)
            throw StripeProblem.Invalid("amount_too_large", "Amount must be no more than 99999999.", "amount");
        return amount;
    }

    private void ApplyTexts(JsonObject intent, StripeForm form)
    {
        form.MergeMetadata(intent["metadata"]!.AsObject());
        foreach (var text in Texts.Where(form.Has))
            intent[text] = form[text];
        if (form["payment_method"] is not { } wanted)
            return;
        var method = methods.Resolve(wanted);
        var owner = method["customer"]?.GetValue<string>();
        if (owner is not null && owner != intent["customer"]?.GetValue<string>())
            throw StripeProblem.Invalid("payment_method_customer_mismatch", "The payment method belongs to another customer.", "payment_method");
        intent["payment_method"] = method["id"]!.GetValue<string>();
        intent["status"] = "requires_confirmation";
    }
}
