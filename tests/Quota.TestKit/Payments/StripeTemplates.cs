using System.Text.Json.Nodes;

namespace Quota.TestKit;

/// <summary>New objects made from Stripe's own examples, so that they carry the keys and kinds of the real ones.</summary>
internal static class StripeTemplates
{
    private static readonly Lazy<JsonObject> Fixtures = new(() =>
        JsonNode.Parse(File.ReadAllText(Repository.TestData("stripe-fixtures.json")))!["resources"]!.AsObject());

    // What the examples show of features that we do not stand in for; all of them are nullable.
    private static readonly Dictionary<string, string[]> Unset = new()
    {
        ["customer"] = ["address", "currency", "discount", "shipping"],
        ["payment_method"] = [],
        ["payment_intent"] =
        [
            "canceled_at", "cancellation_reason", "last_payment_error", "latest_charge", "managed_payments", "next_action",
            "payment_method_configuration_details", "processing", "review", "shipping", "transfer_data",
        ],
        ["event"] = [],
    };

    /// <summary>A fresh object of the kind with id and creation time set, no metadata, and optional features unset.</summary>
    public static JsonObject New(string kind, string id, TimeProvider time)
    {
        var made = (JsonObject)Fixtures.Value[kind]!.DeepClone();
        foreach (var name in Unset[kind])
            made[name] = null;
        made["id"] = id;
        made["created"] = time.GetUtcNow().ToUnixTimeSeconds();
        if (made.ContainsKey("metadata"))
            made["metadata"] = new JsonObject();
        return made;
    }
}
