using System.Text.Json;

namespace Quota.Billing.Rating.ChargeModels;

/// <summary>One price band: units above <paramref name="From"/> up to and including <paramref name="To"/> (null: open).</summary>
internal sealed record Tier(decimal From, decimal? To, decimal UnitAmount, decimal FlatAmount);

/// <summary>
/// Reads both ways in which people write tiers into the one above.
/// <list type="bullet">
/// <item><c>graduated_ranges</c> (Lago): bounds are inclusive, and the next <c>from_value</c> is the last <c>to_value</c> + 1 (whole
/// numbers) or equal to it (adjacent decimals). "0-100, 101-…" leaves no gap: 100.5 units are 100 in the first tier and 0.5 in the second.</item>
/// <item><c>tiers</c> (Stripe, OpenMeter): each goes up to and including <c>up_to</c>; null is the last.</item>
/// </list>
/// In both a tier holds what lies above the tier before it, so bounds are written down once, as <see cref="Tier.To"/>.
/// </summary>
internal static class TierList
{
    /// <summary>More tiers than any price page shows; bounds the work of a malicious plan.</summary>
    public const int Max = 100;

    public static IEnumerable<PropertyMistake> Check(JsonElement properties, string rangesName)
    {
        var ranges = PropertyReader.Find(properties, rangesName);
        var tiers = PropertyReader.Find(properties, "tiers");
        if (ranges is not null && tiers is not null)
            return [new PropertyMistake("tiers", PropertyReader.Invalid)];
        if ((ranges ?? tiers) is not { } list)
            return [new PropertyMistake(rangesName, $"missing_{rangesName}")];
        var name = ranges is null ? "tiers" : rangesName;
        if (list.ValueKind != JsonValueKind.Array || list.GetArrayLength() is 0 or > Max)
            return [new PropertyMistake(name, $"invalid_{name}")];
        return ranges is null ? CheckTiers(list) : CheckRanges(list, name);
    }

    /// <summary>The tiers of properties that passed <see cref="Check"/>, from 0 to open.</summary>
    public static IReadOnlyList<Tier> Read(JsonElement properties, string rangesName)
    {
        var (list, to, unit) = PropertyReader.Find(properties, rangesName) is { } ranges
            ? (ranges, "to_value", "per_unit_amount")
            : (properties.GetProperty("tiers"), "up_to", "unit_amount");
        var tiers = new List<Tier>();
        var from = 0m;
        foreach (var item in list.EnumerateArray())
        {
            var upper = PropertyReader.Find(item, to) is { } value && PropertyReader.TryBound(value, out var bound) ? bound : (decimal?)null;
            tiers.Add(new Tier(from, upper, PropertyReader.Amount(item, unit), PropertyReader.Amount(item, "flat_amount")));
            from = upper ?? from;
        }
        return tiers;
    }

    private static IEnumerable<PropertyMistake> CheckRanges(JsonElement list, string name)
    {
        decimal? last = null;
        for (var index = 0; index < list.GetArrayLength(); index++)
        {
            var (item, at) = (list[index], $"{name}.{index}");
            foreach (var mistake in CheckAmounts(item, at, "per_unit_amount", unitRequired: true)
                .Concat(CheckNames(item, at, "from_value", "to_value", "per_unit_amount", "flat_amount")))
                yield return mistake;
            if (PropertyReader.Find(item, "from_value") is not { } value || !PropertyReader.TryBound(value, out var from) || !Continues(last, from))
                yield return new PropertyMistake($"{at}.from_value", $"invalid_{name}");
            if (!EndsWell(item, "to_value", last ?? 0, index, list.GetArrayLength(), out var to))
                yield return new PropertyMistake($"{at}.to_value", $"invalid_{name}");
            last = to ?? last;
        }
    }

    private static IEnumerable<PropertyMistake> CheckTiers(JsonElement list)
    {
        decimal last = 0;
        for (var index = 0; index < list.GetArrayLength(); index++)
        {
            var (item, at) = (list[index], $"tiers.{index}");
            var flatOnly = PropertyReader.Find(item, "flat_amount") is not null;
            foreach (var mistake in CheckAmounts(item, at, "unit_amount", unitRequired: !flatOnly)
                .Concat(CheckNames(item, at, "up_to", "unit_amount", "flat_amount")))
                yield return mistake;
            if (!EndsWell(item, "up_to", last, index, list.GetArrayLength(), out var to))
                yield return new PropertyMistake($"{at}.up_to", "invalid_tiers");
            last = to ?? last;
        }
    }

    /// <summary>The first range begins at 0; a later one where the last ended, or one whole unit after it.</summary>
    private static bool Continues(decimal? last, decimal from) =>
        last is not { } end ? from == 0 : from == end || (from == end + 1 && decimal.IsInteger(end));

    /// <summary>Only the last tier is open, and every other one holds something.</summary>
    private static bool EndsWell(JsonElement item, string name, decimal last, int index, int count, out decimal? to)
    {
        to = null;
        if (PropertyReader.Find(item, name) is not { } value)
            return item.ValueKind == JsonValueKind.Object && index == count - 1;
        if (!PropertyReader.TryBound(value, out var bound))
            return false;
        to = bound;
        return index < count - 1 && bound > last;
    }

    private static IEnumerable<PropertyMistake> CheckAmounts(JsonElement item, string at, string unit, bool unitRequired)
    {
        if (PropertyReader.Find(item, unit) is not { } price)
        {
            if (unitRequired)
                yield return new PropertyMistake($"{at}.{unit}", PropertyReader.Mandatory);
        }
        else if (!PropertyReader.TryAmount(price, out _))
        {
            yield return new PropertyMistake($"{at}.{unit}", PropertyReader.InvalidAmount);
        }
        if (PropertyReader.Find(item, "flat_amount") is { } flat && !PropertyReader.TryAmount(flat, out _))
            yield return new PropertyMistake($"{at}.flat_amount", PropertyReader.InvalidAmount);
    }

    private static IEnumerable<PropertyMistake> CheckNames(JsonElement item, string at, params string[] read) =>
        item.ValueKind == JsonValueKind.Object
            ? PropertyReader.Unread(item, read).Select(mistake => mistake with { Field = $"{at}.{mistake.Field}" })
            : [];
}
