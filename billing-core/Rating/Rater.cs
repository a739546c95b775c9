using System.Collections.Frozen;
using System.Text.Json;

namespace Quota.Billing.Rating;

/// <summary>Finds a charge model by its name and applies it. Built once; refuses two models under one name.</summary>
internal sealed class Rater
{
    private readonly FrozenDictionary<string, IChargeModel> _models;

    /// <exception cref="InvalidOperationException">Two models share a name.</exception>
    public Rater(IEnumerable<IChargeModel> models)
    {
        var byName = new Dictionary<string, IChargeModel>(StringComparer.Ordinal);
        foreach (var model in models)
        {
            if (!byName.TryAdd(model.Name, model))
                throw new InvalidOperationException($"Two charge models are named '{model.Name}': {byName[model.Name]} and {model}.");
        }
        _models = byName.ToFrozenDictionary(StringComparer.Ordinal);
    }

    public IEnumerable<string> Names => _models.Keys.Order(StringComparer.Ordinal);

    public bool Knows(string chargeModel) => _models.ContainsKey(chargeModel);

    /// <summary>Every mistake in a charge, asked when a plan is saved, so that no invoice ever meets one.</summary>
    public IReadOnlyList<PropertyMistake> Check(string chargeModel, JsonElement properties) =>
        _models.TryGetValue(chargeModel, out var model) ? [.. model.Check(properties)] : [new PropertyMistake("", PropertyReader.Invalid)];

    /// <summary>
    /// The exact price of a quantity. A sum below zero (corrections that outweigh usage) is rated as zero: an invoice line never owes
    /// the customer money, a credit note does.
    /// </summary>
    /// <exception cref="KeyNotFoundException">The model is not registered: the plan was saved by a newer version.</exception>
    /// <exception cref="OverflowException">The amount does not fit a decimal.</exception>
    public RatedLine Rate(string chargeModel, decimal units, JsonElement properties) =>
        _models.TryGetValue(chargeModel, out var model)
            ? model.Rate(Math.Max(0, units), properties)
            : throw new KeyNotFoundException($"No charge model is named '{chargeModel}'; there are {string.Join(", ", Names)}.");
}
