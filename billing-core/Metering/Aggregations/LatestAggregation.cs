namespace Quota.Billing.Metering;

/// <summary>
/// <c>latest_agg</c>: the number of the period's last call by time and id. A call without a number is passed over: it says nothing of the
/// level that is billed. No number at all gives 0.
/// </summary>
internal sealed class LatestAggregation : IAggregation
{
    public string Name => "latest_agg";

    public bool NeedsField => true;

    public bool MayRecur => false;

    public decimal? UnitsOf(in UsageSums sums) => null;

    public IEventFold Start(DateTimeOffset from, DateTimeOffset to, bool recurring) => new Fold(from);

    private sealed class Fold(DateTimeOffset from) : IEventFold
    {
        private Int128 _last;

        public decimal Units => PicoUnits.ToDecimal(_last);

        public void Add(in MeteredEvent one)
        {
            if (one.At >= from && !one.IsCorrection && one.Value.Kind == PropertyKind.Number)
                _last = one.Value.Pico;
        }
    }
}
