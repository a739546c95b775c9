using Quota.Shared.Amounts;
using Quota.Shared.ControlPlane;
using Quota.Shared.Usage;

namespace Quota.Gateway.Limits.Kinds;

/// <summary>Counts tokens: all input (cached included), all output (reasoning included), or both.</summary>
internal sealed class TokenLimit(string name) : ILimitKind
{
    private readonly bool _input = name is Meters.InputTokens or Meters.TotalTokens;
    private readonly bool _output = name is Meters.OutputTokens or Meters.TotalTokens;

    public string Name => name;

    public WorstCase WorstCase(Demand demand) => new(_input ? demand.InputTokens : 0, _output ? 1 : 0);

    public ExactNanos Used(UsageCounts usage, CallPrice price, bool isRate) =>
        new((_input ? usage.InputTokens : 0) + (_output ? usage.OutputTokens : 0), 0);
}
