using Quota.Shared.Amounts;

namespace Quota.Shared.ControlPlane;

/// <summary>
/// What a limit says, apart from where it applies: meter, amount, window, mode, and to which calls. The core checks it when it is
/// saved, a stand-alone gateway when it reads <c>quota.yaml</c>; both by <see cref="Mistakes"/>.
/// </summary>
public sealed record LimitTerms
{
    public const string Hard = "hard", Soft = "soft", Shadow = "shadow";
    public const string Bounded = "bounded", Stepwise = "stepwise";

    /// <summary>More thresholds than this nobody reads.</summary>
    public const int MostThresholds = 10;

    /// <summary>One of <see cref="Meters"/>.</summary>
    public required string Meter { get; init; }

    /// <summary>The most that may be used in a window: money in major units, or a whole number. More than 0.</summary>
    public required decimal Amount { get; init; }

    /// <summary>For money meters; the org's currency.</summary>
    public string? Currency { get; init; }

    /// <summary><see cref="LimitWindow.None"/> for concurrency, and only for it.</summary>
    public required LimitWindow Window { get; init; }

    /// <summary><c>hard</c>: what does not fit is refused; <c>soft</c>: it passes, marked; <c>shadow</c>: only counted what would have been.</summary>
    public string Mode { get; init; } = Hard;

    /// <summary>Which calls count; null: all.</summary>
    public LimitSelector? Selector { get; init; }

    /// <summary>Shares of the amount, in (0, 1], each told once per window and node.</summary>
    public IReadOnlyList<decimal> Thresholds { get; init; } = [];

    /// <summary>
    /// <c>bounded</c>: the worst case is held before the call; <c>stepwise</c>: input and one step, growing while text flows; the
    /// stream ends where a step does not fit.
    /// </summary>
    public string Hold { get; init; } = Bounded;

    /// <summary>Whether a call that names no output bound gets the largest that fits, instead of needing the model's maximum.</summary>
    public bool Clamp { get; init; } = true;

    public bool IsMoney => Meters.IsMoney(Meter);

    /// <summary>Every mistake, each naming the field, the value, the rule and the way out; empty when the limit can be enforced.</summary>
    public IEnumerable<(string Field, string Problem)> Mistakes()
    {
        if (!Meters.All.Contains(Meter))
            yield return ("meter", $"'{Meter}' is not enforced; use one of {string.Join(", ", Meters.All)}");
        if (Mode is not (Hard or Soft or Shadow))
            yield return ("mode", $"'{Mode}' is not a mode; use hard, soft or shadow");
        if (IsMoney && !Amounts.Currency.TryParse(Currency, out _))
            yield return ("currency", $"'{Currency}' is not a currency: three letters such as USD");
        if (Hold is not (Bounded or Stepwise))
            yield return ("hold", $"'{Hold}' is not enforced; use bounded or stepwise");
        else if (Hold == Stepwise && !Meters.CountsOutput(Meter))
            yield return ("hold", $"stepwise needs a meter that grows with the answer, which {Meter} does not; use bounded");
        foreach (var mistake in AmountMistakes().Concat(ThresholdMistakes()).Concat(Window.Mistakes(this)).Concat(Selector?.Mistakes() ?? []))
            yield return mistake;
    }

    private IEnumerable<(string Field, string Problem)> AmountMistakes()
    {
        if (Amount <= 0)
            yield return ("amount", $"{Amount} must be more than 0; to refuse every call, revoke the key or narrow its models");
        else if (IsMoney && Amounts.Currency.TryParse(Currency, out var currency) && !NanoUnits.TryFrom(Amount, currency, out _))
            yield return ("amount", $"{Amount} {currency} cannot be counted exactly; at most {NanoUnits.ToText(NanoUnits.Ceiling - 1, currency)}, in steps of 10^-7 of the minor unit");
        else if (!IsMoney && (Amount != decimal.Truncate(Amount) || Amount >= NanoUnits.Ceiling))
            yield return ("amount", $"{Amount} must be a whole number below 2^53");
    }

    private IEnumerable<(string Field, string Problem)> ThresholdMistakes()
    {
        if (Thresholds.Count > MostThresholds)
            yield return ("thresholds", $"there are {Thresholds.Count}; at most {MostThresholds}");
        foreach (var share in Thresholds.Where(share => share is <= 0 or > 1 || decimal.Round(share, 4, MidpointRounding.ToZero) != share))
            yield return ("thresholds", $"'{share}' must be more than 0 and at most 1, with at most 4 decimals, such as 0.8");
        if (Thresholds.Distinct().Count() != Thresholds.Count)
            yield return ("thresholds", "a share stands twice; name each once");
        if (Thresholds.Count > 0 && (Window.IsRate || Window.IsNone))
            yield return ("thresholds", "need a window that ends or a lifetime, since each is told once per window; remove them");
    }
}
