using System.Text.Json;

namespace Quota.Billing.Rating.ChargeModels;

/// <summary>
/// Each unit costs what its tier says, and a tier that is entered owes its flat amount once. The first tier is always entered:
/// zero usage still owes its flat amount. See <see cref="TierList"/> for the two ways of writing tiers.
/// </summary>
internal sealed class GraduatedCharge : IChargeModel
{
    private const string Ranges = "graduated_ranges";

    public string Name => "graduated";

    public IEnumerable<PropertyMistake> Check(JsonElement properties)
    {
        if (properties.ValueKind != JsonValueKind.Object)
            return [new PropertyMistake("", PropertyReader.Mandatory)];
        return TierList.Check(properties, Ranges).Concat(PropertyReader.Unread(properties, Ranges, "tiers"));
    }

    public RatedLine Rate(decimal units, JsonElement properties)
    {
        var entered = TierList.Read(properties, Ranges).Where((tier, index) => index == 0 || units > tier.From);
        return new RatedLine(units, [.. entered.Select(tier => Step(tier, units))]);
    }

    private static RatedStep Step(Tier tier, decimal units) =>
        new(tier.From, tier.To, Math.Min(units, tier.To ?? units) - tier.From, tier.UnitAmount, tier.FlatAmount);
}
