using System.Globalization;
using Quota.Billing.Http;
using Quota.Shared.Pricing;

namespace Quota.Billing.Customers;

/// <summary>Reads a price as it is sent: rates as decimal text or numbers, per million tokens or per one of another unit.</summary>
internal static class PriceInput
{
    private const int MaxName = 255;

    /// <summary>Sorts out every mistake into the input's validation; the price is usable when there was none.</summary>
    public static ModelPrice Read(Input input, string provider, string model, DateTimeOffset from)
    {
        var price = new ModelPrice
        {
            Provider = provider, Model = model, EffectiveFrom = from, Version = PriceRow.VersionOf(provider, model, from),
            Aliases = input.Texts("aliases", ModelPrice.MostAliases, MaxName),
            Currency = input.Text("currency")?.ToUpperInvariant() ?? "USD",
            Input = input.RequiredDecimal("input"), CachedInput = input.Decimal("cached_input"), CacheWrite = input.Decimal("cache_write"),
            CacheWrite1h = input.Decimal("cache_write_1h"), AudioInput = input.Decimal("audio_input"), ImageInput = input.Decimal("image_input"),
            Output = input.RequiredDecimal("output"), Reasoning = input.Decimal("reasoning"), AudioOutput = input.Decimal("audio_output"),
            ImageOutput = input.Decimal("image_output"), PerRequest = input.Decimal("per_request"), PerImage = input.Decimal("per_image"),
            PerSecond = input.Decimal("per_second"), PerCharacter = input.Decimal("per_character"), ToolCalls = Tools(input),
            Variants = [.. input.Objects("variants", ModelPrice.MostVariants).Select(ReadVariant)],
            MaxInputTokens = input.Whole("max_input_tokens", 1, long.MaxValue),
            MaxOutputTokens = input.Whole("max_output_tokens", 1, long.MaxValue),
            HiddenOutput = input.Flag("hidden_output"),
        };
        input.Refuse(price.Mistakes());
        return price;
    }

    private static PriceVariant ReadVariant(Input input)
    {
        input.RefuseOthersThan(
            "above_input_tokens", "service_tier", "from", "to", "input", "cached_input", "cache_write", "cache_write_1h", "audio_input", "image_input", "output", "reasoning",
            "audio_output", "image_output", "per_request", "per_image", "per_second", "per_character", "tool_calls");
        return new PriceVariant
        {
            AboveInputTokens = input.Whole("above_input_tokens", 0, long.MaxValue), ServiceTier = input.Text("service_tier", MaxName),
            From = Time(input, "from"), To = Time(input, "to"),
            Input = input.Decimal("input"), CachedInput = input.Decimal("cached_input"), CacheWrite = input.Decimal("cache_write"),
            CacheWrite1h = input.Decimal("cache_write_1h"), AudioInput = input.Decimal("audio_input"), ImageInput = input.Decimal("image_input"),
            Output = input.Decimal("output"), Reasoning = input.Decimal("reasoning"), AudioOutput = input.Decimal("audio_output"),
            ImageOutput = input.Decimal("image_output"), PerRequest = input.Decimal("per_request"), PerImage = input.Decimal("per_image"),
            PerSecond = input.Decimal("per_second"), PerCharacter = input.Decimal("per_character"), ToolCalls = Tools(input),
        };
    }

    private static Dictionary<string, decimal> Tools(Input input)
    {
        var tools = new Dictionary<string, decimal>();
        if (input.Json("tool_calls") is not { } names || input.Object("tool_calls") is not { } prices)
            return tools;
        foreach (var name in names.EnumerateObject().Select(tool => tool.Name))
            tools[name] = prices.RequiredDecimal(name);
        return tools;
    }

    /// <summary>A time of day in UTC, <c>16:30</c> or <c>16:30:00</c>.</summary>
    private static TimeOnly? Time(Input input, string field)
    {
        if (input.Text(field) is not { } text)
            return null;
        if (TimeOnly.TryParseExact(text, ["HH:mm", "HH:mm:ss"], CultureInfo.InvariantCulture, DateTimeStyles.None, out var time))
            return time;
        input.Refuse(field, Mistake.InvalidFormat);
        return null;
    }
}
