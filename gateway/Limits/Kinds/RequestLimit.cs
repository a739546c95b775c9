using Quota.Shared.Amounts;
using Quota.Shared.ControlPlane;
using Quota.Shared.Usage;

namespace Quota.Gateway.Limits.Kinds;

/// <summary>Counts calls. A rate counts failed ones too, since they load the upstream; a budget counts what was served.</summary>
internal sealed class RequestLimit : ILimitKind
{
    public string Name => Meters.Requests;

    public WorstCase WorstCase(Demand demand) => new(1, 0);

    public ExactNanos Used(UsageCounts usage, CallPrice price, bool isRate) => new(isRate ? 1 : usage.Requests, 0);
}
