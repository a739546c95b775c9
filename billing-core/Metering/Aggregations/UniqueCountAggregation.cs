namespace Quota.Billing.Metering;

/// <summary>
/// <c>unique_count_agg</c>: how many different values are active at the period's end. An event makes its value active, or ends it when it
/// says <c>operation_type: remove</c>; adding an active value and removing another change nothing. Values are compared as text, so 5 and
/// "5" are one and 5.0 is another. When it recurs, what is active at a period's end is active when the next begins.
/// </summary>
internal sealed class UniqueCountAggregation : IAggregation
{
    public string Name => "unique_count_agg";

    public bool NeedsField => true;

    public bool MayRecur => true;

    public decimal? UnitsOf(in UsageSums sums) => null;

    public IEventFold Start(DateTimeOffset from, DateTimeOffset to, bool recurring) => new Fold(recurring ? DateTimeOffset.MinValue : from);

    private sealed class Fold(DateTimeOffset start) : IEventFold
    {
        private readonly HashSet<string> _active = new(StringComparer.Ordinal);

        public decimal Units => _active.Count;

        public void Add(in MeteredEvent one)
        {
            if (one.At < start || one.IsCorrection || one.Value.Text is not { } value)
                return;
            if (one.IsRemoval)
                _active.Remove(value);
            else
                _active.Add(value);
        }
    }
}
