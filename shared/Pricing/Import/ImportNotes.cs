namespace Quota.Shared.Pricing.Import;

/// <summary>What comes together while a document is read.</summary>
/// <param name="edition">Names the document in the versions of its prices, e.g. <c>litellm:3f2a9c01d4e5</c>.</param>
internal sealed class ImportNotes(string edition)
{
    private const int LongestMistake = 500;

    private readonly List<ModelPrice> _prices = [];
    private readonly List<SkippedModel> _skipped = [];
    private readonly List<string> _mistakes = [];

    public void Skip(string name, string reason) => _skipped.Add(new SkippedModel(name, reason));

    public void Mistake(string mistake)
    {
        if (_mistakes.Count < PriceImport.MostMistakes)
            _mistakes.Add(mistake.Length <= LongestMistake ? mistake : mistake[..LongestMistake] + "…");
    }

    /// <summary>The version of a model's price, e.g. <c>openai/gpt-4o@litellm:3f2a9c01d4e5</c>.</summary>
    public string Version(string provider, string model) => $"{provider}/{model}@{edition}";

    /// <summary>Takes the price in, or skips the model when a rule of ours does not hold: too many decimals, too dear.</summary>
    /// <param name="name">The document's own name.</param>
    public void Add(string name, ModelPrice price)
    {
        if (!ModelName.IsUsable(price.Provider) || !ModelName.IsUsable(price.Model))
            Skip(name, $"a name must have 1 to {ModelName.Longest} characters that can be seen");
        else if (price.Mistakes().FirstOrDefault() is { Field: not null } mistake)
            Skip(name, mistake.Field.Length == 0 ? mistake.Problem : $"{mistake.Field}: {mistake.Problem}");
        else
            _prices.Add(price);
    }

    public PriceImport Done() => new(_mistakes.Count == 0 ? _prices : [], _skipped, _mistakes);
}
