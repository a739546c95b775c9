using StackExchange.Redis;

namespace Quota.Gateway.Tests.Limits.Model;

/// <summary>A counter's fields, as stored or as they should be.</summary>
internal sealed record Observed(long Live, long Fraction, long Seed, long? SeedVersion, long Held, long Over, long? DrainedAt, long Remainder, string Told)
{
    public static Observed Of(RedisValue[] values) => new((long)values[0], (long)values[1], (long)values[2], (long?)values[3], (long)values[4], (long)values[5], (long?)values[6], (long)values[7],
        string.Join(' ', values[8].ToString().Split(' ', StringSplitOptions.RemoveEmptyEntries).Order(StringComparer.Ordinal)));

    public static Observed Of(ModelCounter counter) => new((long)decimal.Floor(counter.Live), (long)((counter.Live - decimal.Floor(counter.Live)) * 1_000_000_000), counter.Seed, counter.SeedVersion, counter.Held,
        counter.Over, counter.DrainedAt, counter.Remainder, string.Join(' ', counter.Told.Order(StringComparer.Ordinal)));
}
