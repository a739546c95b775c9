using Npgsql;
using Quota.Billing.Http;
using Quota.Billing.Invoicing;
using Quota.Billing.Metering;
using Quota.Billing.Metering.Rollups;

namespace Quota.Billing.Subscriptions;

/// <summary>A part of a charge's usage: that of the events whose properties have these values, null where they have none.</summary>
internal sealed record UsageGroup(IReadOnlyDictionary<string, string?> Values, decimal Units, long EventsCount, long AmountCents);

/// <summary>
/// Usage by the values of properties that were asked for: <c>?group_by[]=model&amp;group_by[]=team</c>, ours beside Lago's. The charge is priced as a
/// whole; its amount is shared out by the groups' units, so that the groups add up to it.
/// </summary>
internal sealed class UsageGroups(MeterQuery meter)
{
    /// <summary>Names of properties, in the order of asking; none when nothing was asked for.</summary>
    public static IReadOnlyList<string> Read(HttpRequest request, Validation validation)
    {
        string[] keys = [.. request.Query["group_by[]"].Concat(request.Query["group_by"]).Select(key => key ?? "").Distinct()];
        if (keys.Length > RollupDims.MostKeys)
            validation.Add("group_by", $"names {keys.Length} properties; at most {RollupDims.MostKeys} can be told apart");
        if (keys.Any(key => key.Length is 0 or > 255))
            validation.Add("group_by", Mistake.Invalid);
        return keys;
    }

    /// <summary>Each charge with its groups.</summary>
    /// <exception cref="EventsGoneException">The events of the period were dropped, and no rollup has these keys.</exception>
    public async Task<IReadOnlyList<(RatedCharge Charge, IReadOnlyList<UsageGroup> Groups)>> ReadAsync(
        NpgsqlConnection connection, IReadOnlyList<RatedCharge> usage, MeterSubject subject, BillingPeriod period,
        IReadOnlyList<string> keys, CancellationToken cancel)
    {
        var lines = new List<(RatedCharge, IReadOnlyList<UsageGroup>)>();
        foreach (var charge in usage)
        {
            var groups = keys.Count == 0 ? [] : await meter.ReadAsync(connection, charge.Charge.Metric, subject, period.From, period.To, keys, cancel: cancel);
            var amounts = Share(charge.AmountCents, [.. groups.Select(group => Math.Max(group.Quantity.Units, 0))]);
            lines.Add((charge, [.. groups.Select((group, i) => new UsageGroup(
                keys.Index().ToDictionary(key => key.Item, key => group.Values[key.Index]), group.Quantity.Units, group.Quantity.EventsCount, amounts[i]))]));
        }
        return lines;
    }

    /// <summary>By largest remainder; in equal parts where nothing weighs anything, such as a flat fee without usage.</summary>
    internal static long[] Share(long cents, IReadOnlyList<decimal> weights)
    {
        var total = weights.Sum();
        var exact = weights.Select(weight => total == 0 ? (decimal)cents / weights.Count : cents * (weight / total)).ToArray();
        var shares = exact.Select(part => (long)decimal.Floor(part)).ToArray();
        var left = (int)(cents - shares.Sum());
        foreach (var i in Enumerable.Range(0, shares.Length).OrderByDescending(i => exact[i] - shares[i]).ThenBy(i => i).Take(left))
            shares[i]++;
        return shares;
    }
}
