namespace Quota.Gateway.Tests.Limits.Model;

/// <summary>A counter: <c>c</c> calendar or lifetime, <c>r</c> rate, <c>n</c> number at once.</summary>
internal sealed class ModelCounter(string id, char letter, bool isForever)
{
    public string Id => id;

    public char Letter => letter;

    /// <summary>A lifetime's: it never expires.</summary>
    public bool IsForever => isForever;

    /// <summary>Settled use, exact.</summary>
    public decimal Live { get; set; }

    public long Seed { get; set; }

    public long? SeedVersion { get; set; }

    public long Held { get; set; }

    public long Over { get; set; }

    /// <summary>When a rate drained last; null before its first time.</summary>
    public long? DrainedAt { get; set; }

    /// <summary>Of the limit that made the last hold; null before.</summary>
    public (long Amount, long PeriodMs)? Speed { get; set; }

    /// <summary>What has drained of the next unit, in units × milliseconds.</summary>
    public long Remainder { get; set; }

    public HashSet<string> Told { get; } = [];

    /// <summary>What settled use alone would have left of a rate: the level without provisional charges.</summary>
    public decimal SettledLevel { get; set; }

    public long Used => letter == 'n' ? 0 : Math.Max(0, (long)decimal.Floor(Live) + Seed);

    /// <summary>Answers the whole units added. Rates count whole units, what runs at once counts nothing.</summary>
    public long Add(decimal amount)
    {
        var before = decimal.Floor(Live);
        Live += letter switch { 'c' => amount, 'r' => decimal.Ceiling(amount), _ => 0 };
        return (long)(decimal.Floor(Live) - before);
    }

    public void Cross(long used, IEnumerable<(string Token, long Level)> levels)
    {
        foreach (var (token, level) in levels)
        {
            if (used >= level)
                Told.Add(token);
        }
    }

    /// <summary>Answers what puts everything back as it is now.</summary>
    public Action Remember()
    {
        var (live, seed, seedVersion, held, over, drainedAt, speed, remainder, settledLevel) = (Live, Seed, SeedVersion, Held, Over, DrainedAt, Speed, Remainder, SettledLevel);
        string[] told = [.. Told];
        return () =>
        {
            (Live, Seed, SeedVersion, Held, Over, DrainedAt, Speed, Remainder, SettledLevel) = (live, seed, seedVersion, held, over, drainedAt, speed, remainder, settledLevel);
            Told.IntersectWith(told);
        };
    }

    /// <summary>Live, time and remainder after draining; nothing is changed.</summary>
    public (decimal Live, long At, long Remainder) Drained(long at, long amount, long periodMs)
    {
        var from = DrainedAt ?? at;
        if (at <= from)
            return (Live, from, Remainder);
        var (whole, rest) = decimal.Floor(((decimal)(at - from) * amount + Remainder) / periodMs) is var parts
            ? (parts, (decimal)(at - from) * amount + Remainder - parts * periodMs) : default;
        return whole >= Live ? (0, at, 0) : (Live - whole, at, (long)rest);
    }
}
