using Quota.Shared.Amounts;
using Quota.Shared.ControlPlane;
using Quota.Shared.Usage;

namespace Quota.Gateway.Limits.Kinds;

/// <summary>Counts calls that run at the same time: only holds, nothing is ever used (protocols A6).</summary>
internal sealed class ConcurrencyLimit : ILimitKind
{
    public string Name => Meters.Concurrency;

    public WorstCase WorstCase(Demand demand) => new(1, 0);

    public ExactNanos Used(UsageCounts usage, CallPrice price, bool isRate) => default;
}
