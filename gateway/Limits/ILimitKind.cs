using Quota.Shared.Amounts;
using Quota.Shared.Usage;

namespace Quota.Gateway.Limits;

/// <summary>
/// What a meter counts. To add another: one file in <c>Kinds/</c> and one line in <c>LimitsRegistration</c>; no Lua, the scripts see
/// only counters and quantities.
/// </summary>
internal interface ILimitKind
{
    /// <summary>The meter's word in configuration.</summary>
    string Name { get; }

    /// <summary>The most that a request can add; never less than what <see cref="Used"/> says later.</summary>
    WorstCase WorstCase(Demand demand);

    /// <summary>What a call really added. A failed call has <see cref="UsageCounts.Requests"/> 0.</summary>
    ExactNanos Used(UsageCounts usage, CallPrice price, bool isRate);
}
