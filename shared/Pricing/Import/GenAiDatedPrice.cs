namespace Quota.Shared.Pricing.Import;

/// <summary>One set of rates and the time from which it holds (null: ever), with the times of day that have others.</summary>
internal sealed record GenAiDatedPrice(DateTimeOffset? From, GenAiSheets Sheets)
{
    public List<(TimeOnly From, TimeOnly To, GenAiSheets Sheets)> Windows { get; } = [];

    /// <summary>Times of day come after sizes: a set replaces the whole other one, and brings its own sizes.</summary>
    public ModelPrice Build(string provider, string model, ImportNotes notes)
    {
        var version = notes.Version(provider, model);
        return Sheets.Base.ToPrice(provider, model, From is { } from ? $"{version}/{from:yyyy-MM-dd}" : version) with
        {
            EffectiveFrom = From,
            Variants =
            [
                .. Sheets.Above.Select(size => size.Value.ToVariant(size.Key, null)),
                .. Windows.SelectMany(window => new[] { window.Sheets.Base.ToVariant(null, null) }
                    .Concat(window.Sheets.Above.Select(size => size.Value.ToVariant(size.Key, null)))
                    .Select(variant => variant with { From = window.From, To = window.To })),
            ],
        };
    }
}
