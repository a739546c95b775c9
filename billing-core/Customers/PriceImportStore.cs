using Dapper;
using Npgsql;
using Quota.Shared.Pricing;

namespace Quota.Billing.Customers;

/// <summary>What an import did, or would do. <paramref name="Imported"/> and <paramref name="Unchanged"/> count models.</summary>
/// <param name="Conflicts">Models that have another price from the same instant on; then nothing was stored.</param>
internal sealed record PriceImportOutcome(int Imported, int Unchanged, IReadOnlyList<PriceChange> Changes, IReadOnlyList<string> Conflicts);

/// <summary>A price that takes over, and the one that was in force at its date; null when there was none.</summary>
internal sealed record PriceChange(ModelPrice? Before, ModelPrice After);

/// <summary>Puts many prices into the price book at once.</summary>
internal sealed class PriceImportStore(NpgsqlDataSource database)
{
    /// <summary>All or nothing. A price that says what is in force at its date anyway is no news; so a document that comes again changes nothing.</summary>
    public async Task<PriceImportOutcome> ImportAsync(IReadOnlyList<ModelPrice> prices, DateTimeOffset from, bool isDry, CancellationToken cancel)
    {
        await using var connection = await database.OpenConnectionAsync(cancel);
        await using var transaction = await connection.BeginTransactionAsync(cancel);
        // Two imports, or an import and a PUT, come one after the other; readers do not wait.
        await connection.ExecuteAsync("lock table model_prices in share row exclusive mode", transaction: transaction);
        var stored = (await connection.QueryAsync<PriceRow>(PriceStore.InForceFrom, new { from }, transaction)).Select(row => row.ToPrice())
            .GroupBy(price => (price.Provider, price.Model)).ToDictionary(group => group.Key, group => group.ToList());
        var (changes, conflicts, imported, unchanged) = (new List<PriceChange>(), new List<string>(), 0, 0);
        foreach (var history in prices.GroupBy(price => (price.Provider, price.Model)))
        {
            var known = stored.GetValueOrDefault(history.Key, []);
            var news = Dated(history, from).Select(price => Change(price, known)).OfType<PriceChange>().ToArray();
            if (news.Any(change => change.Before?.EffectiveFrom == change.After.EffectiveFrom))
                conflicts.Add($"{history.Key.Provider}/{history.Key.Model}");
            changes.AddRange(news);
            imported += news.Length > 0 ? 1 : 0;
            unchanged += news.Length > 0 ? 0 : 1;
        }
        if (!isDry && conflicts.Count == 0)
        {
            await connection.ExecuteAsync(PriceStore.Insert, changes.Select(change => PriceRow.Of(change.After)), transaction);
            await transaction.CommitAsync(cancel);
        }
        return new PriceImportOutcome(imported, unchanged, changes, conflicts);
    }

    /// <summary>The one of a model's history that is in force at the time, from then on, and those that come later at their own dates.</summary>
    private static IEnumerable<ModelPrice> Dated(IEnumerable<ModelPrice> history, DateTimeOffset from)
    {
        var inOrder = history.OrderBy(price => price.EffectiveFrom ?? DateTimeOffset.MinValue).ToArray();
        var first = Math.Max(0, Array.FindLastIndex(inOrder, price => price.EffectiveFrom is not { } begins || begins <= from));
        return inOrder.Skip(first).Select(price => Named(price, price.EffectiveFrom is { } begins && begins > from ? begins : from));
    }

    private static ModelPrice Named(ModelPrice price, DateTimeOffset from) =>
        price with { EffectiveFrom = from, Version = PriceRow.VersionOf(price.Provider, price.Model, from) };

    /// <param name="known">The model's stored prices in order, and those that this import added; the new one is put among them.</param>
    /// <returns>Null when what is in force at the price's date says the same.</returns>
    private static PriceChange? Change(ModelPrice price, List<ModelPrice> known)
    {
        var at = known.FindLastIndex(one => one.EffectiveFrom <= price.EffectiveFrom);
        var before = at < 0 ? null : known[at];
        if (before is not null && before with { EffectiveFrom = price.EffectiveFrom, Version = price.Version } == price)
            return null;
        known.Insert(at + 1, price);
        return new PriceChange(before, price);
    }
}
