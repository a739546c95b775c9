using System.Text.Json;

namespace Quota.Billing.Rating.ChargeModels;

/// <summary>Every unit costs the same: <c>{"amount": "0.05"}</c>.</summary>
internal sealed class StandardCharge : IChargeModel
{
    public string Name => "standard";

    public IEnumerable<PropertyMistake> Check(JsonElement properties)
    {
        if (properties.ValueKind != JsonValueKind.Object)
            return [new PropertyMistake("", PropertyReader.Mandatory)];
        return AmountMistakes(properties).Concat(PropertyReader.Unread(properties, "amount"));
    }

    public RatedLine Rate(decimal units, JsonElement properties) =>
        new(units, [new RatedStep(0, null, units, PropertyReader.Amount(properties, "amount"), 0)]);

    private static IEnumerable<PropertyMistake> AmountMistakes(JsonElement properties)
    {
        if (PropertyReader.Find(properties, "amount") is not { } amount)
            yield return new PropertyMistake("amount", PropertyReader.Mandatory);
        else if (!PropertyReader.TryAmount(amount, out _))
            yield return new PropertyMistake("amount", PropertyReader.InvalidAmount);
    }
}
