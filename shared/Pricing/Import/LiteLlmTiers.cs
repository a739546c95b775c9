using System.Text.Json;

namespace Quota.Shared.Pricing.Import;

/// <summary>
/// LiteLLM's <c>tiered_pricing</c>: <c>[{range: [0, 256000], input_cost_per_token…}, {range: [256000, 1000000], …}]</c>. The input of a request
/// decides, for all of its tokens, and the upper end belongs to a tier (Alibaba: 0 &lt; tokens ≤ 256K): above the start is strictly more.
/// </summary>
internal static class LiteLlmTiers
{
    private const string Name = "tiered_pricing", Range = "range";

    /// <returns>Why the model cannot be priced; null when it can, or when a mistake was noted.</returns>
    public static string? Read(ModelFields model, LiteLlmVariants variants)
    {
        if (model.Find(Name) is not { ValueKind: JsonValueKind.Array } tiers || tiers.EnumerateArray().Any(tier => tier.ValueKind != JsonValueKind.Object))
        {
            model.Mistake(Name, "must be a list of objects");
            return null;
        }
        string? problem = null;
        foreach (var tier in tiers.EnumerateArray())
            problem ??= Read(tier, model, variants);
        return problem;
    }

    private static string? Read(JsonElement tier, ModelFields model, LiteLlmVariants variants)
    {
        if (!tier.TryGetProperty(Range, out var range))
            return $"{Name} is not by {Range}s of tokens";
        if (range.ValueKind != JsonValueKind.Array || range.GetArrayLength() != 2)
        {
            model.Mistake(Name, $"{Range} must be a list of two numbers");
            return null;
        }
        var sheet = variants[model.Tokens(range[0], Name), null];
        foreach (var field in tier.EnumerateObject().Where(field => field.Name != Range))
        {
            if (LiteLlmField.Parse(field.Name) is not { Rate: { } rate, Above: null, Tier: null })
                return $"{Name}: {LiteLlmUnits.Unknown(field.Name)}";
            if (LiteLlmModel.Lay(sheet, rate, model.Price(field.Value, Name, 6), field.Name) is { } problem)
                return problem;
        }
        return null;
    }
}
