namespace Quota.Shared.Pricing.Import;

/// <summary>What a public price document holds for us.</summary>
/// <param name="Prices">One for each model, or several with different <see cref="ModelPrice.EffectiveFrom"/>; none of them has a mistake. Empty when there are mistakes: half a price book is none.</param>
/// <param name="Skipped">Models whose price cannot be said exactly here, each with the reason; never imported without a part that costs.</param>
/// <param name="Mistakes">What is malformed, each naming place and rule; at most <see cref="MostMistakes"/>.</param>
public sealed record PriceImport(IReadOnlyList<ModelPrice> Prices, IReadOnlyList<SkippedModel> Skipped, IReadOnlyList<string> Mistakes)
{
    public const int MostMistakes = 100;
}

/// <summary>A model of the document, by the document's own name, that was left out.</summary>
public readonly record struct SkippedModel(string Name, string Reason);
