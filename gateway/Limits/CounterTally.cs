using Quota.Gateway.Spool;
using Quota.Shared.Amounts;

namespace Quota.Gateway.Limits;

/// <summary>
/// What this gateway's own calls have used per counter, and which of them still run: enough to rebuild the counters when the store has
/// lost them and no other gateway counted on them. Each call is in exactly one of the two. Kept by the spool's folder: a checkpoint, and
/// the spool's records since.
/// </summary>
internal sealed class CounterTally(GatewayClock clock)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<(string OrgId, string CounterId), TallyEntry> _counters = [];
    private readonly Dictionary<Guid, Hold> _open = [];
    private readonly SortedSet<long> _ahead = [];   // ended, but an earlier number is still on its way here
    private long _through;

    /// <summary>False until the calls that an earlier run left open are among what was used: until then nothing may be rebuilt from here.</summary>
    public bool IsWhole { get; set; }

    /// <summary>A call is about to be sent.</summary>
    public void Started(Hold hold)
    {
        lock (_gate)
            _open[hold.RequestId] = hold;
    }

    /// <summary>The call was not sent after all.</summary>
    public void NotStarted(Guid requestId)
    {
        lock (_gate)
            _open.Remove(requestId);
    }

    /// <summary>The call's event is written: from now on it is among what was used.</summary>
    /// <param name="seq">The event's number.</param>
    public void Ended(long seq, BeginRecord begin, IReadOnlyList<ExactNanos> amounts)
    {
        lock (_gate)
        {
            _open.Remove(begin.Id);
            if (seq <= _through || !_ahead.Add(seq))
                return;
            while (_ahead.Remove(_through + 1))
                _through++;
            for (var i = 0; i < begin.Counters.Count; i++)
                Add(begin.OrgId, begin.Counters[i], amounts[i], begin.At);
        }
    }

    /// <summary>The calls that run now.</summary>
    public IReadOnlyList<Hold> Open()
    {
        lock (_gate)
            return [.. _open.Values];
    }

    /// <summary>One consistent cut: what an org's ended calls used, and its calls that run.</summary>
    public (IReadOnlyList<KeyValuePair<string, TallyEntry>> Counters, IReadOnlyList<Hold> Open) Of(string orgId)
    {
        lock (_gate)
        {
            return ([.. _counters.Where(pair => pair.Key.OrgId == orgId).Select(pair => KeyValuePair.Create(pair.Key.CounterId, pair.Value))],
                [.. _open.Values.Where(hold => hold.OrgId == orgId && hold.IsStored)]);
        }
    }

    /// <summary>Everything up to an event's number. What ended long ago is left out.</summary>
    public TallyCheckpoint Checkpoint(TimeSpan outlives)
    {
        lock (_gate)
        {
            var now = clock.GetUtcNow().ToUnixTimeMilliseconds();
            foreach (var (key, _) in _counters.Where(pair => pair.Value.EndsAtMs + (long)outlives.TotalMilliseconds < now).ToArray())
                _counters.Remove(key);
            // Numbers that ran ahead are in the sums already; replay leaves them out by name.
            return new TallyCheckpoint(_through, [.. _ahead], [.. _counters.Select(pair => new TallyLine(pair.Key.OrgId, pair.Key.CounterId, pair.Value))]);
        }
    }

    /// <summary>Begins from a checkpoint; the spool's later records follow through <see cref="Ended"/>.</summary>
    public void Restore(TallyCheckpoint checkpoint)
    {
        lock (_gate)
        {
            _through = checkpoint.Through;
            _ahead.UnionWith(checkpoint.Ahead);
            foreach (var line in checkpoint.Counters)
                _counters[(line.OrgId, line.CounterId)] = line.Entry;
        }
    }

    private void Add(string orgId, BeginCounter counter, ExactNanos amount, DateTimeOffset at)
    {
        var key = (orgId, counter.Id);
        var entry = _counters.GetValueOrDefault(key) ?? new TallyEntry(counter.Kind, 0, 0, EndsOf(counter, at));
        var fraction = entry.Fraction + amount.Fraction;
        var carry = fraction / ExactNanos.One;
        _counters[key] = entry with
        {
            Whole = checked(entry.Whole + amount.Whole + carry),
            Fraction = (int)(fraction % ExactNanos.One),
            EndsAtMs = counter.IsRate ? EndsOf(counter, at) : entry.EndsAtMs,
        };
    }

    /// <summary>A rate is remembered until it has drained: its kind says how fast (amount/period/burst).</summary>
    private static long? EndsOf(BeginCounter counter, DateTimeOffset at)
    {
        if (!counter.IsRate)
            return counter.EndsAtMs;
        return at.ToUnixTimeMilliseconds() + RateSpeed.Parse(counter.Kind).RememberedMs;
    }
}

/// <summary>What was used on one counter. A rate's sum says only that it was used lately.</summary>
/// <param name="Kind">As holds store it, see <see cref="LimitCounter.KindText"/>.</param>
internal sealed record TallyEntry(string Kind, long Whole, int Fraction, long? EndsAtMs);

/// <summary>A counter's line in the checkpoint.</summary>
internal sealed record TallyLine(string OrgId, string CounterId, TallyEntry Entry);

/// <summary>The sums over all events up to <paramref name="Through"/>, and those of <paramref name="Ahead"/>.</summary>
internal sealed record TallyCheckpoint(long Through, IReadOnlyList<long> Ahead, IReadOnlyList<TallyLine> Counters);
