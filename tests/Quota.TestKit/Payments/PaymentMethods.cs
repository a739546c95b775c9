using System.Text.Json.Nodes;

namespace Quota.TestKit;

/// <summary>
/// <c>/v1/payment_methods</c>: create, retrieve, attach, detach, list by customer. As in Stripe's test mode, <c>pm_card_visa</c> and
/// its like are not objects but moulds: naming one makes a new payment method.
/// </summary>
internal sealed class PaymentMethods(StripeState state, TimeProvider time)
{
    private const string Mould = "pm_card_";

    public JsonObject Create(StripeForm form)
    {
        form.Allow("type", "card", "billing_details", "metadata", "allow_redisplay");
        if (form.Require("type") != "card")
            throw StripeProblem.Invalid("parameter_invalid", "The stand-in knows cards only.", "type");
        var card = form["card[token]"] is { } token && token.StartsWith("tok_", StringComparison.Ordinal)
            ? TestCard.Named(token[4..])
            : TestCard.Numbered(form.Require("card[number]")[^4..]);
        var made = FromMould(card ?? throw StripeProblem.Invalid("incorrect_number", "Not one of the stand-in's test cards.", "card"));
        form.MergeMetadata(made["metadata"]!.AsObject());
        return made;
    }

    /// <summary>The object with this id, or a new one when a mould is named.</summary>
    public JsonObject Resolve(string id) => id.StartsWith(Mould, StringComparison.Ordinal)
        ? FromMould(TestCard.Named(id[Mould.Length..]) ?? throw StripeProblem.Missing("payment_method", id))
        : state.Find("payment_method", id);

    public JsonObject Attach(string id, StripeForm form)
    {
        form.Allow("customer");
        return Attach(id, form.Require("customer"));
    }

    public JsonObject Attach(string id, string customer)
    {
        state.Find("customer", customer);
        var method = Resolve(id);
        if (Text(method, "customer") is { } owner && owner != customer)
            throw StripeProblem.Invalid("resource_already_exists", "The payment method is attached to another customer.", "customer");
        var card = TestCard.Of(method);
        if (!card.Attachable)
            throw new StripeProblem(402, card.Error(method, charge: null));
        method["customer"] = customer;
        return method;
    }

    public JsonObject Detach(string id)
    {
        var method = state.Find("payment_method", id);
        method["customer"] = null;
        return method;
    }

    public JsonObject List(string? customer, StripeForm form)
    {
        form.Allow("customer", "type", "limit", "starting_after");
        var owner = customer ?? form.Require("customer");
        state.Find("customer", owner);
        return StripeList.Page(state.All("payment_method"), "/v1/payment_methods", form, m => Text(m, "customer") == owner);
    }

    /// <summary>The id of a method that the customer has; a mould means the newest of this card. Refused otherwise.</summary>
    public string OwnedBy(string customer, string id)
    {
        var owned = state.All("payment_method").Select(m => m.Value!.AsObject()).Where(m => Text(m, "customer") == customer);
        var found = id.StartsWith(Mould, StringComparison.Ordinal)
            ? owned.LastOrDefault(m => TestCard.Of(m).Name == id[Mould.Length..])
            : owned.FirstOrDefault(m => Text(m, "id") == id);
        return Text(found, "id") ?? throw StripeProblem.Invalid(
            "resource_missing", $"The customer does not have a payment method with the ID {id}. The payment method must be attached to the customer.",
            "invoice_settings[default_payment_method]");
    }

    private JsonObject FromMould(TestCard mould)
    {
        var method = StripeTemplates.New("payment_method", StripeIds.New("pm"), time);
        var card = method["card"]!;
        card["brand"] = mould.Brand;
        card["display_brand"] = mould.Brand;
        card["last4"] = mould.Last4;
        card["networks"] = new JsonObject { ["available"] = new JsonArray(mould.Brand), ["preferred"] = null };
        card["wallet"] = null;
        card["generated_from"] = null;
        return state.Add("payment_method", method);
    }

    private static string? Text(JsonObject? from, string name) => from?[name]?.GetValue<string>();
}
