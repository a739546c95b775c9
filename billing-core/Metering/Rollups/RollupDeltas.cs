using System.Runtime.InteropServices;

namespace Quota.Billing.Metering.Rollups;

/// <summary>The row of a rollup that an event falls into.</summary>
/// <param name="Bucket">Its start, in ticks of UTC.</param>
/// <param name="Dims">The keys' values as a JSON array; empty without keys.</param>
internal readonly record struct RollupKey(int RollupId, int StreamId, short Grain, long Bucket, string Dims);

/// <summary>Adds events up, before they are written into the rollups: one row for all events of one quarter of an hour, stream and values.</summary>
internal sealed class RollupDeltas(RollupSet rollups)
{
    private readonly Dictionary<RollupKey, UsageSums> _quarters = [];
    private readonly Dictionary<string, string> _dims = [];
    private PropertyValue[] _slots = [];

    public int Count => _quarters.Count;

    public void Add(string code, int streamId, Guid id, DateTimeOffset at, bool isCorrection, ReadOnlyMemory<byte> properties)
    {
        var plan = rollups.For(code);
        if (_slots.Length < plan.Picker.Names.Count)
            _slots = new PropertyValue[plan.Picker.Names.Count];
        var slots = _slots.AsSpan(0, plan.Picker.Names.Count);
        plan.Picker.Pick(properties, slots);
        var bucket = RollupGrain.StartOf(at, RollupGrain.Quarter).UtcTicks;
        foreach (var rollup in plan.Rollups)
        {
            var value = rollup.ValueOf(slots, at, code);
            var key = new RollupKey(rollup.Id, streamId, RollupGrain.Quarter, bucket, DimsOf(rollup, slots));
            ref var sums = ref CollectionsMarshal.GetValueRefOrAddDefault(_quarters, key, out _);
            sums = sums.Plus(new MeteredEvent(at, id, isCorrection, value, IsRemoval: false));
        }
    }

    /// <summary>Sums that are there already, of a quarter of an hour.</summary>
    public void Add(in RollupKey quarter, in UsageSums more)
    {
        ref var sums = ref CollectionsMarshal.GetValueRefOrAddDefault(_quarters, quarter, out _);
        sums = sums.Plus(more);
    }

    /// <summary>All rows, of both grains, in the order in which everybody writes them: writers that meet then wait, and never in a circle.</summary>
    public List<KeyValuePair<RollupKey, UsageSums>> Rows()
    {
        var days = new Dictionary<RollupKey, UsageSums>();
        foreach (var (key, sums) in _quarters)
        {
            ref var day = ref CollectionsMarshal.GetValueRefOrAddDefault(days, key with { Grain = RollupGrain.Day, Bucket = key.Bucket - key.Bucket % TimeSpan.TicksPerDay }, out _);
            day = day.Plus(sums);
        }
        return [.. _quarters, .. days];
    }

    public void Clear()
    {
        _quarters.Clear();
        _dims.Clear();
    }

    private string DimsOf(CompiledRollup rollup, ReadOnlySpan<PropertyValue> slots)
    {
        if (rollup.KeySlots.Length == 0)
            return "";
        Span<char> text = stackalloc char[256];
        if (!TryWrite(rollup, slots, text, out var length))
            return Slow(rollup, slots);
        var known = _dims.GetAlternateLookup<ReadOnlySpan<char>>();
        if (known.TryGetValue(text[..length], out var dims))
            return dims;
        dims = new string(text[..length]);
        _dims[dims] = dims;
        return dims;
    }

    /// <summary>Plain text needs no escapes: names of models, teams and regions are. False for all else, and what is long.</summary>
    private static bool TryWrite(CompiledRollup rollup, ReadOnlySpan<PropertyValue> slots, Span<char> text, out int length)
    {
        length = 0;
        text[length++] = '[';
        foreach (var slot in rollup.KeySlots)
        {
            var value = slots[slot];
            var utf8 = value.Utf8.Span;
            if (length + utf8.Length + 8 > text.Length)
                return false;
            if (length > 1)
                text[length++] = ',';
            if (value.Kind == PropertyKind.Absent)
            {
                "null".CopyTo(text[length..]);
                length += 4;
                continue;
            }
            text[length++] = '"';
            foreach (var letter in utf8)
            {
                if (letter is < 0x20 or > 0x7E or (byte)'"' or (byte)'\\')
                    return false;
                text[length++] = (char)letter;
            }
            text[length++] = '"';
        }
        text[length++] = ']';
        return true;
    }

    private static string Slow(CompiledRollup rollup, ReadOnlySpan<PropertyValue> slots)
    {
        var values = new List<string?>();
        foreach (var slot in rollup.KeySlots)
            values.Add(slots[slot].Text);
        return RollupDims.Of(values);
    }
}
