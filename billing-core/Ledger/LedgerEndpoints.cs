using System.Globalization;
using Quota.Billing.Http;
using Quota.Shared.Amounts;

namespace Quota.Billing.Ledger;

/// <summary>The books, read only. Amounts are decimal text in major units; debits are positive.</summary>
internal static class LedgerEndpoints
{
    public static void MapLedger(this WebApplication app)
    {
        app.MapGet("/api/v1/ledger/balances", Balances);
        app.MapGet("/api/v1/ledger/entries", Entries);
    }

    /// <summary><c>sum_by_currency</c> is zero in every currency, or the books are broken.</summary>
    private static async Task<IResult> Balances(LedgerStore store, CancellationToken cancel)
    {
        var balances = await store.BalancesAsync(cancel);
        return Results.Ok(new
        {
            balances = balances.Select(balance => new { balance.Account, balance.Currency, Amount = Major(balance.Amount, balance.Currency) }),
            sum_by_currency = balances.GroupBy(balance => balance.Currency)
                .ToDictionary(group => group.Key, group => Major(group.Sum(balance => balance.Amount), group.Key)),
        });
    }

    private static async Task<IResult> Entries(Paging paging, HttpRequest request, LedgerStore store, CancellationToken cancel)
    {
        var (entries, total) = await store.EntriesAsync(request.Query["external_customer_id"].FirstOrDefault(), paging.Offset, paging.Limit, cancel);
        return Answers.Page("entries", [.. entries.Select(Answer)], paging, total);
    }

    private static object Answer(LedgerEntryRow entry) => new
    {
        entry.Id,
        entry.Kind,
        entry.Reference,
        entry.ExternalCustomerId,
        entry.PostedAt,
        entry.ServiceFrom,
        entry.ServiceTo,
        Postings = entry.Postings.Select(posting => new { posting.Account, posting.Currency, Amount = Major(posting.Amount, posting.Currency) }),
    };

    private static string Major(decimal minor, string currency) =>
        (minor / Currency.Parse(currency).MinorPerMajor).ToString("0.###", CultureInfo.InvariantCulture);
}
