using System.Globalization;
using System.Text.Json.Serialization;
using Quota.Shared.Amounts;

namespace Quota.Shared.ControlPlane;

/// <summary>
/// The stretch of time a limit counts in. <c>rate</c> is a leaky counter that drains <c>amount</c> per <see cref="Every"/> and admits at
/// most <see cref="Burst"/> at once; <c>hour</c> to <c>year</c> are calendar windows in a time zone; <c>lifetime</c> never ends.
/// </summary>
public sealed record LimitWindow
{
    public const string Rate = "rate", Lifetime = "lifetime";

    public static readonly IReadOnlyList<string> Calendar = ["hour", "day", "week", "month", "quarter", "year"];

    /// <summary>No window: what runs at the same time.</summary>
    public static readonly LimitWindow None = new() { Kind = "none" };

    private const long MostDrainMs = 1L << 31;   // 24 days: what the script multiplies stays exact in a double

    /// <summary><c>rate</c>, <c>hour</c>, <c>day</c>, <c>week</c>, <c>month</c>, <c>quarter</c>, <c>year</c>, <c>lifetime</c> or <c>none</c>.</summary>
    public required string Kind { get; init; }

    /// <summary>For <c>rate</c>: <c>second</c>, <c>minute</c> or <c>hour</c>.</summary>
    public string? Every { get; init; }

    /// <summary>For <c>rate</c>: the most at once, in the meter's units (money: major units); the amount when absent.</summary>
    public decimal? Burst { get; init; }

    /// <summary>IANA zone of calendar windows; the org's when absent.</summary>
    public string? Timezone { get; init; }

    /// <summary>
    /// Where a window begins: a week's day (<c>monday</c>, the default), a month's day (<c>1</c> to <c>31</c>; a shorter month begins
    /// on its last day), a quarter's or year's first day (<c>MM-DD</c>, default <c>01-01</c>; a quarter every three months from there).
    /// </summary>
    public string? StartsOn { get; init; }

    /// <summary><see cref="StartsOn"/> in one spelling: absent and the default are the same window.</summary>
    [JsonIgnore]
    public string? Anchor => Kind switch
    {
        "week" => StartsOn ?? "monday",
        "month" => int.TryParse(StartsOn, NumberStyles.None, CultureInfo.InvariantCulture, out var day) ? day.ToString(CultureInfo.InvariantCulture) : "1",
        "quarter" or "year" => StartsOn ?? "01-01",
        _ => null,
    };

    public bool IsRate => Kind == Rate;

    public bool IsNone => Kind == "none";

    public bool IsCalendar => Calendar.Contains(Kind);

    /// <summary>Milliseconds in which a rate drains its whole amount.</summary>
    public long PeriodMs => Every switch { "second" => 1_000, "minute" => 60_000, "hour" => 3_600_000, _ => 0 };

    /// <summary>For people: <c>month</c>, <c>rate/minute</c>.</summary>
    public override string ToString() => IsRate ? $"rate/{Every}" : Kind;

    internal IEnumerable<(string Field, string Problem)> Mistakes(LimitTerms terms)
    {
        if (terms.Meter == Meters.Concurrency != IsNone)
            yield return ("window", IsNone ? $"is missing; {terms.Meter} needs one" : "concurrency has none; leave it out");
        else if (!IsRate && !IsNone && !IsCalendar && Kind != Lifetime)
            yield return ("window.kind", $"'{Kind}' is not enforced; use rate, {string.Join(", ", Calendar)} or lifetime");
        if (Timezone is { } zone && !TimeZoneInfo.TryFindSystemTimeZoneById(zone, out _))
            yield return ("window.timezone", $"'{zone}' is not an IANA time zone such as Europe/Berlin");
        if (StartsOn is not null && !WindowCalendar.CanStartOn(this))
            yield return ("window.starts_on", Kind switch
            {
                "week" => $"'{StartsOn}' is not a day of the week; use monday to sunday",
                "month" => $"'{StartsOn}' is not a day of the month; use 1 to 31",
                "quarter" or "year" => $"'{StartsOn}' is not a day of the year; use MM-DD such as 04-06 (not 02-29)",
                _ => $"{Kind} has no day to start on; leave it out",
            });
        foreach (var mistake in IsRate ? RateMistakes(terms) : NotRateMistakes())
            yield return mistake;
    }

    private IEnumerable<(string Field, string Problem)> NotRateMistakes()
    {
        if (Every is not null)
            yield return ("window.every", $"belongs to rates only; the window is {Kind}");
        if (Burst is not null)
            yield return ("window.burst", $"belongs to rates only; the window is {Kind}");
    }

    private IEnumerable<(string Field, string Problem)> RateMistakes(LimitTerms terms)
    {
        if (PeriodMs == 0)
            yield return ("window.every", $"'{Every}' is not a rate's period; use second, minute or hour");
        if (Burst is { } burst && (burst <= 0 || (terms.IsMoney ? Currency.TryParse(terms.Currency, out var currency) && !NanoUnits.TryFrom(burst, currency, out _) : burst != decimal.Truncate(burst) || burst >= NanoUnits.Ceiling)))
            yield return ("window.burst", $"{burst} must be more than 0, and countable like the amount");
        else if (terms.Amount > 0 && PeriodMs > 0 && (Burst ?? 0) / terms.Amount > MostDrainMs / PeriodMs)
            yield return ("window.burst", $"{Burst} would take more than {MostDrainMs / 86_400_000} days to drain at {terms.Amount} per {Every}; use a calendar window");
    }
}
