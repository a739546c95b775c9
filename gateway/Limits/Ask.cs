using Quota.Gateway.Limits.Store;
using Quota.Shared.Amounts;

namespace Quota.Gateway.Limits;

/// <summary>
/// What one request asks of its counters: the worst case on each, how much of it is held at first, and between which outputs the answer
/// may be clamped. Only sums; nothing is asked here.
/// </summary>
internal sealed class Ask
{
    private readonly Demand _demand;
    private readonly LimitsOptions _options;
    private readonly WorstCase[] _whole;

    public Ask(IReadOnlyList<LimitCounter> counters, Demand demand, LimitsOptions options)
    {
        (Counters, _demand, _options) = (counters, demand, options);
        (_whole, Held) = (new WorstCase[counters.Count], new WorstCase[counters.Count]);
        for (var i = 0; i < Held.Length; i++)
        {
            _whole[i] = Held[i] = counters[i].Kind.WorstCase(demand);
            if (!demand.CanGrow || !counters[i].Stepwise || _whole[i].PerOutputToken == 0)
                continue;
            // Input and one step; the rest is asked for while text flows.
            Held[i] = new WorstCase(_whole[i].Fixed + _whole[i].PerOutputToken * FirstStep, 0);
            IsStepwise = true;
        }
        (Least, Most) = Range();
    }

    public IReadOnlyList<LimitCounter> Counters { get; }

    /// <summary>What is held at first on each counter, as a line over the output of each answer.</summary>
    public WorstCase[] Held { get; }

    /// <summary>Whether some counters hold only a step at first.</summary>
    public bool IsStepwise { get; }

    /// <summary>Output tokens of each answer that must fit at least; equal to <see cref="Most"/> unless it may be clamped.</summary>
    public long Least { get; }

    /// <summary>Output tokens of each answer that are wanted.</summary>
    public long Most { get; }

    public long Choices => _demand.Choices;

    public Spool.CallNote? Call => _demand.Call;

    private long FirstStep => Math.Min(_options.StepTokens, _demand.Output * _demand.Choices);

    /// <summary>The limit that not even the least can ever fit; null when each could, were it empty.</summary>
    public LimitStanding? NeverFits()
    {
        for (var i = 0; i < Held.Length; i++)
        {
            var needed = Units(i, Least);
            var cap = Counters[i].Tightest?.MostAtOnce ?? NanoUnits.Ceiling - 1;
            if (needed is null || needed > cap || Units(i, Most) is null)
                return new LimitStanding(Counters[i].Speaker, 0, 0, needed, null, Fitting(i, cap)) { IsCounted = false };
        }
        return null;
    }

    /// <summary>Whole units that are held at first on a counter for this much output of each answer; null when no counter can hold them.</summary>
    public long? Units(int counter, long output)
    {
        try
        {
            var units = Held[counter].At((decimal)output * Choices);
            return units < NanoUnits.Ceiling ? (long)units : null;
        }
        catch (OverflowException)
        {
            return null;
        }
    }

    /// <summary>The most output tokens of each answer that fit into the room with this input; null where output does not matter.</summary>
    public long? Fitting(int counter, long room) =>
        _whole[counter].Fitting(room) is { } tokens ? (long)Math.Clamp(decimal.Floor(tokens / Choices), 0, _demand.Output) : null;

    /// <summary>The hold as the store made it, or as policy admits it without the store.</summary>
    /// <param name="output">Output tokens of each answer that it covers.</param>
    /// <param name="warnings">Soft limits that are passed.</param>
    public Hold HoldOf(string orgId, Guid requestId, DateTimeOffset at, IReadOnlyList<HeldCounter> held, long output, string? epoch, IReadOnlyList<string> warnings)
    {
        var clampedTo = ClampedTo(output);
        return new Hold(requestId, orgId, at, epoch is not null && IsStepwise ? Growing(held) : held)
        {
            Epoch = epoch,
            IsStored = epoch is not null,
            ClampedTo = clampedTo,
            Call = _demand.Call,
            Warnings = warnings,
            IsStepwise = epoch is not null && IsStepwise,
            MostTokens = (clampedTo ?? _demand.Output) * Choices,
            CoveredTokens = epoch is not null && IsStepwise ? FirstStep : long.MaxValue,
        };
    }

    private (long Least, long Most) Range()
    {
        var (least, most) = (_demand.Output, _demand.Output);
        for (var i = 0; i < Held.Length && !_demand.IsNamed; i++)
        {
            if (!Counters[i].MayClamp || Held[i].PerOutputToken == 0)
                continue;
            // What a clamped answer may have at most under this limit, were it empty.
            least = Math.Min(least, _options.ClampFloor);
            var fitting = decimal.Floor((Counters[i].Tightest!.MostAtOnce - Held[i].Fixed) / (Held[i].PerOutputToken * Choices));
            most = (long)Math.Clamp(fitting, least, most);
        }
        return (least, most);
    }

    /// <summary>A bound is inserted when less than the model's maximum was held, or when the model's maximum is not known.</summary>
    private long? ClampedTo(long output)
    {
        if (_demand.IsNamed || (output == _demand.Output && _demand.Price.Price.MaxOutputTokens is not null))
            return null;
        for (var i = 0; i < _whole.Length; i++)
        {
            if (Counters[i].IsHard && _whole[i].PerOutputToken > 0)
                return output;
        }
        return null;
    }

    private HeldCounter[] Growing(IReadOnlyList<HeldCounter> held)
    {
        var growing = new HeldCounter[held.Count];
        for (var i = 0; i < growing.Length; i++)
            growing[i] = Held[i] == _whole[i] ? held[i] : held[i] with { Worst = _whole[i], Grows = true };
        return growing;
    }
}
