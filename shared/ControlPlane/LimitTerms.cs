using Quota.Shared.Amounts;

namespace Quota.Shared.ControlPlane;

/// <summary>
/// What a limit says, apart from where it applies: meter, amount, window, mode. The core checks it when it is saved,
/// a stand-alone gateway when it reads <c>quota.yaml</c>; both by <see cref="Mistakes"/>.
/// </summary>
public sealed record LimitTerms
{
    /// <summary>One of <see cref="Meters"/>.</summary>
    public required string Meter { get; init; }

    /// <summary>The most that may be used in a window: money in major units, or a whole number.</summary>
    public required decimal Amount { get; init; }

    /// <summary>For money meters; the org's currency.</summary>
    public string? Currency { get; init; }

    public required LimitWindow Window { get; init; }

    /// <summary><c>hard</c>: a request that does not fit is refused.</summary>
    public string Mode { get; init; } = "hard";

    public bool IsMoney => Meter == Meters.Spend;

    /// <summary>Every mistake, each naming the field, the value, the rule and the way out; empty when the limit can be enforced.</summary>
    public IEnumerable<(string Field, string Problem)> Mistakes()
    {
        if (!Meters.All.Contains(Meter))
            yield return ("meter", $"'{Meter}' is not enforced; use one of {string.Join(", ", Meters.All)}");
        if (Mode != "hard")
            yield return ("mode", $"'{Mode}' is not enforced; use hard");
        if (IsMoney && !Amounts.Currency.TryParse(Currency, out _))
            yield return ("currency", $"'{Currency}' is not a currency: three letters such as USD");
        foreach (var mistake in AmountMistakes().Concat(Window.Mistakes(this)))
            yield return mistake;
    }

    private IEnumerable<(string Field, string Problem)> AmountMistakes()
    {
        if (Amount < 0)
            yield return ("amount", $"{Amount} is negative; use 0 to refuse everything");
        else if (IsMoney && Amounts.Currency.TryParse(Currency, out var currency) && !NanoUnits.TryFrom(Amount, currency, out _))
            yield return ("amount", $"{Amount} {currency} cannot be counted exactly; at most {NanoUnits.ToText(NanoUnits.Ceiling - 1, currency)}, in steps of 10^-7 of the minor unit");
        else if (!IsMoney && (Amount != decimal.Truncate(Amount) || Amount >= NanoUnits.Ceiling))
            yield return ("amount", $"{Amount} must be a whole number below 2^53");
    }
}

/// <summary>The meters that limits can be set on.</summary>
public static class Meters
{
    public const string Requests = "requests";
    public const string Spend = "spend";

    public static readonly IReadOnlyList<string> All = [Requests, Spend];
}

/// <summary>
/// The stretch of time a limit counts in. <c>rate</c> is a leaky counter that drains <c>amount</c> per <see cref="Every"/>
/// and admits at most <see cref="Burst"/> at once; the others are calendar windows in the org's time zone.
/// </summary>
public sealed record LimitWindow
{
    public const string Rate = "rate";

    public static readonly IReadOnlyList<string> Calendar = ["hour", "day", "month"];

    /// <summary><c>rate</c>, <c>hour</c>, <c>day</c> or <c>month</c>.</summary>
    public required string Kind { get; init; }

    /// <summary>For <c>rate</c>: <c>second</c>, <c>minute</c> or <c>hour</c>.</summary>
    public string? Every { get; init; }

    /// <summary>For <c>rate</c>: the most at once; the amount when absent.</summary>
    public long? Burst { get; init; }

    /// <summary>IANA zone of calendar windows; the org's when absent.</summary>
    public string? Timezone { get; init; }

    public bool IsRate => Kind == Rate;

    /// <summary>Milliseconds in which a rate drains its whole amount.</summary>
    public long PeriodMs => Every switch { "second" => 1_000, "minute" => 60_000, "hour" => 3_600_000, _ => 0 };

    internal IEnumerable<(string Field, string Problem)> Mistakes(LimitTerms terms)
    {
        if (!IsRate && !Calendar.Contains(Kind))
            yield return ("window.kind", $"'{Kind}' is not enforced; use rate, {string.Join(", ", Calendar)}");
        if (Timezone is { } zone && !TimeZoneInfo.TryFindSystemTimeZoneById(zone, out _))
            yield return ("window.timezone", $"'{zone}' is not an IANA time zone such as Europe/Berlin");
        if (!IsRate)
            yield break;
        if (PeriodMs == 0)
            yield return ("window.every", $"'{Every}' is not a rate's period; use second, minute or hour");
        if (terms.IsMoney)
            yield return ("window.kind", "a money limit needs a calendar window; use month");
        if (terms.Amount < 1)
            yield return ("amount", $"{terms.Amount} drains nothing; a rate needs at least 1");
        if (Burst is < 1)
            yield return ("window.burst", $"{Burst} lets nothing through; use at least 1");
        // The script multiplies a drain by a period; the product must stay exact in a double.
        if (Math.Max(terms.Amount, Burst ?? 0) * PeriodMs >= NanoUnits.Ceiling)
            yield return ("amount", $"{terms.Amount} per {Every} is too large to drain exactly");
    }
}
