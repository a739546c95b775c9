using Quota.Shared.Amounts;
using Quota.Shared.Pricing;
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

    /// <summary>The most that a request within these bounds can add; never less than what <see cref="Used"/> says later.</summary>
    /// <exception cref="OverflowException">More than any counter can hold.</exception>
    long WorstCase(RequestBound bound, PriceFunction price);

    /// <summary>What a call really added. A failed call has <see cref="UsageCounts.Requests"/> 0.</summary>
    ExactNanos Used(UsageCounts usage, PriceFunction price, bool isRate);
}

/// <summary>The most one request can use: tokens in, tokens out, over all its choices.</summary>
internal readonly record struct RequestBound(long InputTokens, long OutputTokens);
