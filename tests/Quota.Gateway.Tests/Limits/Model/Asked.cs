using Quota.Gateway.Limits;

namespace Quota.Gateway.Tests.Limits.Model;

/// <summary>A request that asked once.</summary>
internal sealed class Asked(Guid id, Step.Reserve step, IReadOnlyList<LimitCounter> plan, WorstCase[] worst)
{
    public Guid Id => id;

    public Step.Reserve Step => step;

    public IReadOnlyList<LimitCounter> Plan { get; set; } = plan;

    public WorstCase[] Worst { get; set; } = worst;

    /// <summary>As its gateway has it, refused or not; null before the first answer.</summary>
    public Hold? Hold { get; set; }

    public long Sequence { get; set; }
}
