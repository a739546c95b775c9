using System.Globalization;
using System.Text.Json;

namespace Quota.Billing.Rating;

/// <summary>
/// How charge models read the properties a client wrote. Amounts are decimal text with a point, whatever the machine's culture,
/// because a JSON number may already have lost digits on its way.
/// </summary>
internal static class PropertyReader
{
    public const string Mandatory = "value_is_mandatory";
    public const string Invalid = "value_is_invalid";
    public const string InvalidAmount = "invalid_amount";
    public const string NotSupported = "is not supported yet; leave it out";

    /// <summary>Prices keep up to 12 decimals, as Stripe's decimal unit amounts do.</summary>
    public const int MaxDecimals = 12;

    /// <summary>Beyond this a price is a typing mistake, and its product with real quantities would leave a decimal's 28 digits.</summary>
    public const decimal MaxAmount = 1_000_000_000m;

    /// <summary>Tier bounds stay below this for the same reason.</summary>
    public const decimal MaxBound = 1_000_000_000_000_000m;

    /// <summary>The property, or null when it is absent or JSON null.</summary>
    public static JsonElement? Find(JsonElement properties, string name) =>
        properties.ValueKind == JsonValueKind.Object && properties.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null
            ? value
            : null;

    /// <summary>An amount of money: a JSON string of digits, 0 to <see cref="MaxAmount"/>, at most <see cref="MaxDecimals"/> decimals.</summary>
    public static bool TryAmount(JsonElement value, out decimal amount)
    {
        amount = 0;
        return value.ValueKind == JsonValueKind.String && TryDecimal(value.GetString()!, MaxAmount, out amount);
    }

    /// <summary>A tier's bound: a JSON number, or the same as text.</summary>
    public static bool TryBound(JsonElement value, out decimal bound)
    {
        bound = 0;
        return value.ValueKind switch
        {
            JsonValueKind.Number => TryDecimal(value.GetRawText(), MaxBound, out bound),
            JsonValueKind.String => TryDecimal(value.GetString()!, MaxBound, out bound),
            _ => false,
        };
    }

    /// <summary>The amount under <paramref name="name"/>, already checked; absent counts as 0.</summary>
    public static decimal Amount(JsonElement properties, string name) =>
        Find(properties, name) is { } value && TryAmount(value, out var amount) ? amount : 0;

    /// <summary>
    /// Properties that this model does not read. A feature that would be silently ignored is a wrong invoice later, so it is
    /// refused now; null and empty lists are what SDKs send for "unused".
    /// </summary>
    public static IEnumerable<PropertyMistake> Unread(JsonElement properties, params IEnumerable<string> read)
    {
        foreach (var property in properties.EnumerateObject())
        {
            var unused = property.Value.ValueKind == JsonValueKind.Null
                || (property.Value.ValueKind == JsonValueKind.Array && property.Value.GetArrayLength() == 0);
            if (!unused && !read.Contains(property.Name))
                yield return new PropertyMistake(property.Name, NotSupported);
        }
    }

    private static bool TryDecimal(string text, decimal most, out decimal value) =>
        // 30 characters hold every value that passes; the bound keeps a megabyte of digits away from the parser.
        decimal.TryParse(text.Length <= 30 ? text : "", NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out value)
        && value <= most && decimal.IsInteger(value * OneAtMaxDecimals);

    /// <summary>10 to the power of <see cref="MaxDecimals"/>.</summary>
    private const decimal OneAtMaxDecimals = 1_000_000_000_000m;
}
