namespace Quota.Gateway.Tests.Limits.Model;

/// <summary>One counter of a request, with the terms that were in force for it.</summary>
internal sealed record ModelPart(ModelCounter Counter, long? Cap, long RateAmount, long PeriodMs, decimal Fixed, decimal PerToken, bool MayClamp, bool NeedsSeed, IReadOnlyList<(string Token, long Level)> Levels)
{
    public bool IsHard => Cap is not null;

    public long Quantity { get; set; }

    public long UsedAt(long at) => Counter.Letter == 'r' ? (long)Counter.Drained(at, RateAmount, PeriodMs).Live + Counter.Seed : Counter.Used;

    /// <summary>What is left of a provisional charge: on a rate, what has drained since is gone.</summary>
    public long LeftOfCharge(long reapedAt, long at) => Counter.Letter switch
    {
        'n' => 0,
        'c' => Quantity,
        _ => (long)Math.Max(0, Quantity - Math.Max(Drains(at - reapedAt, (RateAmount, PeriodMs)), Drains(at - reapedAt, Counter.Speed ?? (RateAmount, PeriodMs)))),
    };

    private static decimal Drains(long elapsed, (long Amount, long PeriodMs) speed) => decimal.Ceiling((decimal)Math.Max(0, elapsed) * speed.Amount / speed.PeriodMs);

    /// <summary>Answers what puts the part and its counter back as they are now.</summary>
    public Action Remember()
    {
        var quantity = Quantity;
        return Counter.Remember() + (() => Quantity = quantity);
    }

    public void DrainTo(long at)
    {
        if (Counter.Letter != 'r')
            return;
        var (amount, periodMs) = Counter.Speed ?? (RateAmount, PeriodMs);
        Counter.SettledLevel = Math.Max(0, Counter.SettledLevel - Math.Max(0, (decimal)(at - (Counter.DrainedAt ?? at))) * amount / periodMs);
        (Counter.Live, Counter.DrainedAt, Counter.Remainder) = Counter.Drained(at, amount, periodMs);
    }
}
