namespace Quota.Gateway.Limits;

/// <summary>How fast a rate drains, as holds store it: <c>R60/60000/100</c> (amount per period in ms, burst).</summary>
internal readonly record struct RateSpeed(long Amount, long PeriodMs, long Burst)
{
    /// <exception cref="FormatException">Not a rate's kind.</exception>
    public static RateSpeed Parse(string kind) => kind[1..].Split('/') is [var amount, var period, var burst]
        ? new RateSpeed(Number(amount), Number(period), Number(burst)) : throw new FormatException($"'{kind}' is not a rate");

    /// <summary>How long a full rate takes to drain.</summary>
    public long RememberedMs => (long)Math.Ceiling((decimal)Burst / Amount) * PeriodMs;

    private static long Number(string text) => long.Parse(text, NumberStyles.None, CultureInfo.InvariantCulture);
}
