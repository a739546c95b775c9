using System.Text.Json;
using System.Text.Json.Nodes;
using Quota.TestKit;

namespace Quota.EndToEnd.Tests.StandIns;

/// <summary>
/// Compares an answer with Stripe's example of the same object: every key must exist there and have the same JSON kind. A null on
/// either side fits anything, since the examples leave most optional things null.
/// </summary>
internal static class StripeShape
{
    private static readonly JsonNode Examples = JsonNode.Parse(System.IO.File.ReadAllText(Repository.TestData("stripe-fixtures.json")))!["resources"]!;

    // metadata is the caller's own; the example of last_payment_error shows one of its dozen optional keys only.
    private static readonly string[] Open = ["metadata", "last_payment_error"];

    public static void Check(JsonObject answer)
    {
        var kind = answer["object"]!.GetValue<string>();
        Compare(kind, answer, Examples[kind]!.AsObject());
        if (kind == "event")
            Check(answer["data"]!["object"]!.AsObject());
    }

    private static void Compare(string path, JsonObject answer, JsonObject example)
    {
        foreach (var (key, value) in answer)
        {
            example.ContainsKey(key).ShouldBeTrue($"{path}.{key} is not Stripe's");
            if (value is null || example[key] is not { } shown || Open.Contains(key) || path == "event.data")
                continue;
            Kind(value).ShouldBe(Kind(shown), $"{path}.{key}");
            if (value is JsonObject inner)
                Compare($"{path}.{key}", inner, shown.AsObject());
        }

        foreach (var (key, value) in example)
            (answer.ContainsKey(key) || value is null).ShouldBeTrue($"{path}.{key} is missing");
    }

    private static JsonValueKind Kind(JsonNode node) => node.GetValueKind() is JsonValueKind.False ? JsonValueKind.True : node.GetValueKind();
}
