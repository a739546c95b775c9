using System.Text.Json.Nodes;

namespace Quota.TestKit;

/// <summary><c>/v1/customers</c>: create, retrieve, update.</summary>
internal sealed class Customers(StripeState state, PaymentMethods methods, TimeProvider time)
{
    private static readonly string[] Texts = ["name", "email", "description", "phone"];

    public JsonObject Create(StripeForm form)
    {
        var customer = StripeTemplates.New("customer", StripeIds.New("cus"), time);
        return state.Add("customer", Update(customer, form));
    }

    public JsonObject Retrieve(string id) => state.Find("customer", id);

    public JsonObject Update(string id, StripeForm form) => Update(state.Find("customer", id), form);

    private JsonObject Update(JsonObject customer, StripeForm form)
    {
        form.Allow(["invoice_settings", "metadata", "preferred_locales", "address", .. Texts]);
        var wanted = form["invoice_settings[default_payment_method]"];
        if (wanted is { Length: > 0 })
            customer["invoice_settings"]!["default_payment_method"] = methods.OwnedBy(customer["id"]!.GetValue<string>(), wanted);
        foreach (var text in Texts.Where(form.Has))
            customer[text] = form[text] is { Length: > 0 } value ? value : null;
        form.MergeMetadata(customer["metadata"]!.AsObject());
        return customer;
    }
}
