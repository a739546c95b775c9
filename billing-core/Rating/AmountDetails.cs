using System.Text.Json;
using System.Text.Json.Nodes;
using Quota.Billing.Http;

namespace Quota.Billing.Rating;

/// <summary>The steps of a line as a fee stores and shows them, in Lago's words; numbers are decimal text, so nothing is lost.</summary>
internal static class AmountDetails
{
    public static string Write(string chargeModel, RatedLine line) => chargeModel switch
    {
        "standard" => "{}",     // units × unit price says it all
        _ => new JsonObject { [$"{chargeModel}_ranges"] = new JsonArray([.. line.Steps.Select(Step)]) }.ToJsonString(JsonSerializerOptions.Default),
    };

    private static JsonObject Step(RatedStep step) => new()
    {
        ["from_value"] = JsonFormats.Text(step.From),
        ["to_value"] = step.To is { } to ? JsonFormats.Text(to) : null,
        ["units"] = JsonFormats.Text(step.Units),
        ["per_unit_amount"] = JsonFormats.Text(step.UnitAmount),
        ["per_unit_total_amount"] = JsonFormats.Text(step.Units * step.UnitAmount),
        ["flat_unit_amount"] = JsonFormats.Text(step.FlatAmount),
        ["total_with_flat_amount"] = JsonFormats.Text(step.Amount),
    };
}
