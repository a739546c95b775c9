using System.Numerics;

namespace Quota.Billing.Metering;

/// <summary>
/// <c>weighted_sum_agg</c>: each value holds from its event until the period's end and counts by the share of the period that it held,
/// so 20 GB from the middle on are 10 units. When it recurs, the sum of all values before the period holds from its start. Time is
/// counted in microseconds, the sum is exact, and rounded once, to 12 decimals. A period without length gives 0.
/// </summary>
internal sealed class WeightedSumAggregation : IAggregation
{
    public string Name => "weighted_sum_agg";

    public bool NeedsField => true;

    public bool MayRecur => true;

    public bool NeedsInterval => true;

    public decimal? UnitsOf(in UsageSums sums) => null;

    public IEventFold Start(DateTimeOffset from, DateTimeOffset to, bool recurring) => new Fold(from, to, recurring);

    private sealed class Fold(DateTimeOffset from, DateTimeOffset to, bool recurring) : IEventFold
    {
        private readonly long _length = Microseconds(to - from);

        /// <summary>What holds for the whole period. Apart, because a long past has many events, and here they are cheap to add.</summary>
        private Int128 _held;

        /// <summary>Pico-units × microseconds of what began to hold within the period.</summary>
        private BigInteger _area;

        public decimal Units => _length <= 0 ? 0 : PicoUnits.ToDecimal((Int128)UnitRounding.Divide(_held * (BigInteger)_length + _area, _length));

        public void Add(in MeteredEvent one)
        {
            if (one.At > from)
                _area += one.Value.Pico * (BigInteger)Microseconds(to - one.At);
            else if (recurring || one.At == from)
                _held = checked(_held + one.Value.Pico);
        }

        private static long Microseconds(TimeSpan time) => time.Ticks / TimeSpan.TicksPerMicrosecond;
    }
}
