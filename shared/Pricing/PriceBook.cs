using System.Collections.Frozen;

namespace Quota.Shared.Pricing;

/// <summary>
/// Prices by provider, model and instant. A name is looked for as it is, then as an alias, then under the less exact names of
/// <see cref="ModelNames"/>, each again first as a name and then as an alias; the first that has a price in force is taken.
/// </summary>
/// <remarks>Immutable. An alias that two models of a provider claim is none's: a price is never guessed.</remarks>
public sealed class PriceBook
{
    private readonly FrozenDictionary<(string Provider, string Model), PriceFunction[]> _histories;
    private readonly FrozenDictionary<(string Provider, string Alias), string> _aliases;
    private readonly PriceFunction? _unknown;

    /// <param name="unknown">What every model without a price costs; null: those have none.</param>
    /// <exception cref="FormatException">A price has mistakes, or stands twice from the same instant on.</exception>
    public PriceBook(IReadOnlyList<ModelPrice> prices, ModelPrice? unknown = null)
    {
        if (Twice(prices).FirstOrDefault() is { } twice)
            throw new FormatException($"the price of {twice} stands twice");
        _histories = prices.GroupBy(price => (price.Provider, price.Model)).ToFrozenDictionary(group => group.Key, group => group.OrderBy(price => price.EffectiveFrom ?? DateTimeOffset.MinValue).Select(Function).ToArray());
        _aliases = Claims(prices).Where(claim => claim.Models.Count == 1).ToFrozenDictionary(claim => (claim.Provider, claim.Alias), claim => claim.Models[0]);
        _unknown = unknown is null ? null : Function(unknown);
    }

    /// <summary>The price in force; null when it is not known, which is never 0.</summary>
    public PriceFunction? Find(string provider, string model, DateTimeOffset at)
    {
        if (Named(provider, model, at) is { } exact)
            return exact;
        foreach (var name in ModelNames.LessExact(model))
        {
            if (Named(provider, name, at) is { } found)
                return found;
        }
        return _unknown;
    }

    /// <summary>What a list of prices must not say, each with the models it is about; empty when every name means one thing.</summary>
    public static IEnumerable<string> Mistakes(IReadOnlyList<ModelPrice> prices) =>
        Twice(prices).Select(twice => $"the price of {twice} stands twice; name each once, or each with another effective_from")
            .Concat(Claims(prices).Where(claim => claim.Models.Count > 1).Select(claim => $"the alias {claim.Provider}/{claim.Alias} is claimed by {string.Join(" and ", claim.Models)}; leave it with one"));

    private PriceFunction? Named(string provider, string name, DateTimeOffset at) =>
        InForce(provider, name, at) ?? (_aliases.TryGetValue((provider, name), out var model) ? InForce(provider, model, at) : null);

    private PriceFunction? InForce(string provider, string model, DateTimeOffset at)
    {
        if (!_histories.TryGetValue((provider, model), out var history))
            return null;
        for (var i = history.Length - 1; i >= 0; i--)
        {
            if (history[i].Price.EffectiveFrom is not { } from || from <= at)
                return history[i];
        }
        return null;
    }

    /// <summary>Without the aliases, which only the book needs: a price is written down with every call.</summary>
    private static PriceFunction Function(ModelPrice price) => new(price with { Aliases = [] });

    private static IEnumerable<string> Twice(IReadOnlyList<ModelPrice> prices) =>
        prices.GroupBy(price => (price.Provider, price.Model, price.EffectiveFrom)).Where(group => group.Count() > 1)
            .Select(group => $"{group.Key.Provider}/{group.Key.Model}{(group.Key.EffectiveFrom is { } from ? $" from {from.UtcDateTime:u}" : "")}");

    /// <summary>A model's own name, too, where another claims it, is no alias: the exact name wins without a word.</summary>
    private static IEnumerable<(string Provider, string Alias, List<string> Models)> Claims(IReadOnlyList<ModelPrice> prices) =>
        prices.SelectMany(price => price.Aliases.Select(alias => (price.Provider, Alias: alias, price.Model)))
            .GroupBy(claim => (claim.Provider, claim.Alias)).Select(group => (group.Key.Provider, group.Key.Alias, group.Select(claim => claim.Model).Distinct().ToList()));
}
