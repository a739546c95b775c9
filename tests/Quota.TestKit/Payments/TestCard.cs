using System.Text.Json.Nodes;

namespace Quota.TestKit;

/// <summary>
/// One of Stripe's cards for tests. Its name is the end of <c>pm_card_…</c> and <c>tok_…</c>; the last four digits tell it again on a
/// payment method made from it. To add another: one line in <see cref="All"/>.
/// </summary>
/// <param name="Refusal">Code of the decline, or null when charges succeed.</param>
/// <param name="Reason">The bank's decline code.</param>
/// <param name="Attachable">Stripe refuses to attach its always-declined cards; <c>chargeCustomerFail</c> attaches and fails later.</param>
internal sealed record TestCard(string Name, string Brand, string Last4, string? Refusal = null, string? Reason = null, bool Attachable = true)
{
    private static readonly TestCard[] All =
    [
        new("visa", "visa", "4242"),
        new("mastercard", "mastercard", "4444"),
        new("chargeDeclined", "visa", "0002", "card_declined", "generic_decline", Attachable: false),
        new("chargeDeclinedInsufficientFunds", "visa", "9995", "card_declined", "insufficient_funds", Attachable: false),
        new("chargeCustomerFail", "visa", "0341", "card_declined", "generic_decline"),
        new("authenticationRequired", "visa", "3184", "authentication_required", "authentication_required"),
    ];

    public static TestCard? Named(string name) => All.FirstOrDefault(card => card.Name == name);

    public static TestCard? Numbered(string last4) => All.FirstOrDefault(card => card.Last4 == last4);

    public static TestCard Of(JsonObject paymentMethod) => Numbered(paymentMethod["card"]!["last4"]!.GetValue<string>())!;

    /// <summary>The error object of a refused charge or attachment.</summary>
    public JsonObject Error(JsonObject paymentMethod, string? charge)
    {
        var error = new JsonObject
        {
            ["code"] = Refusal,
            ["decline_code"] = Reason,
            ["doc_url"] = $"https://stripe.com/docs/error-codes/{Refusal!.Replace('_', '-')}",
            ["message"] = Refusal == "card_declined"
                ? "Your card was declined."
                : "Your card was declined. This transaction requires authentication.",
            ["payment_method"] = paymentMethod.DeepClone(),
            ["type"] = "card_error",
        };
        if (charge is not null)
            error["charge"] = charge;
        return error;
    }
}
