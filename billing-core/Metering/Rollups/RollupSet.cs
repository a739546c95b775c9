using System.Collections.Concurrent;

namespace Quota.Billing.Metering.Rollups;

/// <summary>All rollups that events are written into, at one version of them.</summary>
internal sealed class RollupSet(long version, IReadOnlyList<RollupTerms> rollups)
{
    private readonly ConcurrentDictionary<string, CodePlan> _byCode = new();

    public long Version => version;

    /// <summary>What is to be written of events of a code.</summary>
    public CodePlan For(string code) => _byCode.GetOrAdd(Known(code), Compile);

    /// <summary>Codes that no metric reads share a plan: clients may send any number of those.</summary>
    private string Known(string code) => rollups.Any(rollup => rollup.Metric?.EventCode == code) ? code : "";

    private CodePlan Compile(string code)
    {
        var names = new List<string>();
        var compiled = rollups.Where(rollup => rollup.Metric is null || rollup.Metric.EventCode == code)
            .Select(rollup => new CompiledRollup(rollup, name => SlotOf(names, name))).ToArray();
        return new CodePlan(new PropertyPicker(names), compiled);
    }

    private static int SlotOf(List<string> names, string name)
    {
        var slot = names.IndexOf(name);
        if (slot < 0)
        {
            slot = names.Count;
            names.Add(name);
        }
        return slot;
    }
}

/// <summary>The properties that some rollup of a code reads, and those rollups.</summary>
internal sealed record CodePlan(PropertyPicker Picker, CompiledRollup[] Rollups);

/// <summary>A rollup that knows where its properties are.</summary>
internal sealed class CompiledRollup
{
    /// <summary>Where events are counted, one that corrects another is one too.</summary>
    private static readonly PropertyValue Itself = new(PropertyKind.Number, 1, default);

    private readonly Measure? _measure;
    private readonly int[] _measureSlots;

    public CompiledRollup(RollupTerms terms, Func<string, int> slotOf)
    {
        Id = terms.Id;
        _measure = terms.Metric is { } metric ? new Measure(metric) : null;
        _measureSlots = [.. (_measure?.Names ?? []).Select(slotOf)];
        KeySlots = [.. terms.Keys.Select(slotOf)];
    }

    public int Id { get; }

    public int[] KeySlots { get; }

    public PropertyValue ValueOf(ReadOnlySpan<PropertyValue> slots, DateTimeOffset at, string code)
    {
        if (_measure is null)
            return Itself;
        if (_measureSlots.Length == 0)
            return _measure.Of([], at, code);
        if (_measureSlots.Length == 1)
            return _measure.Of(slots.Slice(_measureSlots[0], 1), at, code);
        var own = new PropertyValue[_measureSlots.Length];
        for (var i = 0; i < own.Length; i++)
            own[i] = slots[_measureSlots[i]];
        return _measure.Of(own, at, code);
    }
}
