using Quota.Shared.Amounts;
using Quota.Shared.Usage;

namespace Quota.Gateway.Limits.Kinds;

/// <summary>Counts a named unit that is known exactly before the call, such as images sent or bytes of the body.</summary>
internal sealed class UnitLimit(string name) : ILimitKind
{
    public string Name => name;

    public WorstCase WorstCase(Demand demand) => new(demand.Unit(name), 0);

    public ExactNanos Used(UsageCounts usage, CallPrice price, bool isRate) => new(usage.Unit(name), 0);
}
