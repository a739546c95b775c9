using StackExchange.Redis;

namespace Quota.Gateway.Limits.Store;

/// <summary>
/// What a reserve has to know of a counter in its two windows, as <c>batch.lua</c> lists it under "per spec". The same for every request,
/// so it is put together once a window.
/// </summary>
internal sealed record SpecTerms(RedisValue Kind, RedisValue Levels, RedisValue Numbers)
{
    public static SpecTerms Of(LimitCounter counter, CounterPair windows, LimitsOptions options)
    {
        var limit = counter.Speaker;
        Span<double> terms =
        [
            counter.Tightest is { } tightest ? tightest.MostAtOnce : -1,
            counter.MayClamp ? 1 : 0,
            counter.IsCalendar && counter.IsHard && windows.Start < counter.SinceMs ? 1 : 0,
            0, 0, 0,
        ];
        if (counter.IsCalendar)
        {
            var never = windows.Middle == long.MaxValue;
            (terms[3], terms[4], terms[5]) = (windows.Start, never ? double.PositiveInfinity : windows.Middle, never ? double.PositiveInfinity : windows.End);
        }
        else if (counter.Window.IsRate)
        {
            var remembered = new RateSpeed(limit.Amount, counter.Window.PeriodMs, limit.MostAtOnce).RememberedMs + (long)options.CounterGrace.TotalMilliseconds;
            (terms[3], terms[4], terms[5]) = (limit.Amount, counter.Window.PeriodMs, remembered);
        }
        var numbers = new byte[terms.Length * sizeof(double)];
        BatchWriter.Pack(terms, numbers);
        return new SpecTerms(counter.IsCalendar ? counter.Letter.ToString() : windows.CurrentKind, counter.Levels, numbers);
    }
}
