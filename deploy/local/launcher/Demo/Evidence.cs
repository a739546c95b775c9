using System.Globalization;
using System.Text.Json.Nodes;

namespace Quota.Local.Demo;

/// <summary>Everything that was read before and after, and the list of what does not agree.</summary>
internal sealed record Evidence(
    ReplayResult Replay,
    Units Provider,
    Units UsageBefore,
    Units UsageAfter,
    JsonObject? Invoice,
    int Captures,
    long CapturedCents,
    JsonObject LedgerSums)
{
    public Units Metered => UsageAfter - UsageBefore;

    /// <summary>One line per difference; empty when all agree.</summary>
    public IReadOnlyList<string> Differences()
    {
        var found = new List<string>();
        if (Replay.Failed > 0)
            found.Add($"{Replay.Failed} requests failed; the first: {Replay.FirstFailure}");
        if (Replay.Refused == 0)
            found.Add("eve was never refused");
        Compare(found, "the provider's own log", Provider, Replay.Sent);
        Compare(found, "metered by the core", Metered, Replay.Sent);
        if (Invoice is null)
            found.Add("not exactly one new invoice");
        else
            CheckInvoice(found, Invoice);
        found.AddRange(LedgerSums
            .Where(sum => decimal.Parse(sum.Value!.ToString(), CultureInfo.InvariantCulture) != 0)
            .Select(sum => $"the ledger's postings in {sum.Key} sum to {sum.Value}, not 0"));
        return found;
    }

    private void CheckInvoice(List<string> found, JsonObject invoice)
    {
        // The invoice is of the whole period: what this run used, and what was used in it before.
        Compare(found, "units on the invoice", Units.FromInvoice(invoice), UsageBefore + Replay.Sent);
        var total = invoice["total_amount_cents"]!.GetValue<long>();
        var fees = invoice["fees"]!.AsArray().Sum(fee => fee!["amount_cents"]!.GetValue<long>());
        if (fees != total)
            found.Add($"the fees sum to {fees} cents, the invoice to {total}");
        if (invoice["status"]!.GetValue<string>() != "finalized" || invoice["payment_status"]!.GetValue<string>() != "succeeded")
            found.Add($"the invoice is {invoice["status"]}, its payment {invoice["payment_status"]}");
        if (Captures != 1 || CapturedCents != total)
            found.Add($"Stripe captured {Captures} times, {CapturedCents} cents; the invoice is {total} cents");
    }

    private static void Compare(List<string> found, string what, Units actual, Units expected)
    {
        if (actual != expected)
            found.Add($"{what}: {actual}; expected {expected}");
    }
}
