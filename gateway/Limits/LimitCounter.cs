using Quota.Gateway.Limits.Store;
using Quota.Shared.ControlPlane;

namespace Quota.Gateway.Limits;

/// <summary>
/// What is counted on one node, by one meter, for one selector, in one kind of window, and the limits that are set on it. Limits that
/// count the same share a counter; the tightest hard one decides.
/// </summary>
internal sealed class LimitCounter
{
    private readonly TimeZoneInfo _zone;
    private readonly string _identity;
    private volatile CounterPair? _windows;

    /// <param name="limits">At least one; all with the same identity.</param>
    /// <param name="identity">See <see cref="CounterName.Identity"/>.</param>
    /// <param name="since">From when on every matching call was counted here; null: from ever.</param>
    public LimitCounter(string orgId, string nodeId, string identity, TimeZoneInfo zone, ILimitKind kind, IReadOnlyList<Limit> limits, DateTimeOffset? since, IReadOnlyList<SnapshotSeed>? seeds = null)
    {
        (OrgId, NodeId, _identity, _zone, Kind, Limits) = (orgId, nodeId, identity, zone, kind, limits);
        Seeds = seeds ?? [];
        SinceMs = since?.ToUnixTimeMilliseconds() ?? long.MinValue;
        Terms = limits[0].Terms;
        Tightest = limits.Where(limit => limit.IsHard).MinBy(limit => limit.MostAtOnce);
        Stepwise = limits.Any(limit => limit.IsHard) && limits.Where(limit => limit.IsHard).All(limit => limit.Terms.Hold == LimitTerms.Stepwise);
        MayClamp = Tightest is not null && limits.Where(limit => limit.IsHard).All(limit => limit.Terms.Clamp);
        Levels = string.Join(';', limits.SelectMany(limit => limit.Levels(nodeId)));
        var letter = Window.IsNone ? 'n' : Window.IsRate ? 'r' : 'c';
        Letter = IsHard ? char.ToUpperInvariant(letter) : letter;
    }

    public string OrgId { get; }

    public string NodeId { get; }

    public ILimitKind Kind { get; }

    public IReadOnlyList<Limit> Limits { get; }

    /// <summary>The hard limit that is reached first; null when none is hard.</summary>
    public Limit? Tightest { get; }

    public bool IsHard => Tightest is not null;

    /// <summary>What the limits have in common: meter, window, selector, currency.</summary>
    public LimitTerms Terms { get; }

    public LimitWindow Window => Terms.Window;

    /// <summary>Whether a hold here may begin with one step and grow.</summary>
    public bool Stepwise { get; }

    /// <summary>Whether an answer without a bound may be cut to what fits here.</summary>
    public bool MayClamp { get; }

    /// <summary>Thresholds as the scripts take them; empty when there are none.</summary>
    public string Levels { get; }

    /// <summary>From when on every matching call was counted here, Unix milliseconds. A window that began earlier needs a seed.</summary>
    public long SinceMs { get; }

    public IReadOnlyList<SnapshotSeed> Seeds { get; }

    /// <summary>The seed of a window: this node's own, else, where one is needed, the one that stands for every other; null when there is none.</summary>
    public SnapshotSeed? SeedOf(long windowStart)
    {
        SnapshotSeed? others = null;
        foreach (var seed in Seeds)
        {
            if (seed.WindowStartMs != windowStart)
                continue;
            if (seed.NodeId == NodeId)
                return seed;
            others = seed.NodeId is null && windowStart < SinceMs ? seed : others;
        }
        return others;
    }

    /// <summary><c>c</c> calendar, <c>r</c> rate, <c>n</c> number at once; upper case when a limit here is hard.</summary>
    public char Letter { get; }

    public bool IsCalendar => char.ToLowerInvariant(Letter) == 'c';

    /// <summary>The limit that answers for the counter: the tightest hard one, else the first.</summary>
    public Limit Speaker => Tightest ?? Limits[0];

    /// <summary>The window that holds this instant, and the next one. What has no calendar window has one counter for ever.</summary>
    public CounterPair WindowsAt(long unixMs)
    {
        var windows = _windows;
        if (windows is null || unixMs < windows.Start || unixMs >= windows.Middle)
            _windows = windows = IsCalendar ? CalendarWindows(unixMs) : new CounterPair(long.MinValue, long.MaxValue, long.MaxValue, CounterName.Of(_identity, 0), "", KindText(0), "");
        return windows;
    }

    /// <summary>When the window of this instant ends; null for what has no end.</summary>
    public long? EndAt(long unixMs) => IsCalendar && WindowsAt(unixMs).Middle is var end && end != long.MaxValue ? end : null;

    /// <summary>As the hold stores it: the letter, then the window's start or the rate's speed.</summary>
    public string KindText(long windowStart) => IsCalendar ? $"{Letter}{windowStart}" : Window.IsRate ? $"{Letter}{Speaker.Amount}/{Window.PeriodMs}/{Speaker.MostAtOnce}" : $"{Letter}";

    private CounterPair CalendarWindows(long unixMs)
    {
        var (start, middle) = WindowCalendar.Of(Window, _zone, unixMs);
        var end = middle == long.MaxValue ? long.MaxValue : WindowCalendar.Of(Window, _zone, middle).End;
        return middle == long.MaxValue ? new CounterPair(start, middle, end, CounterName.Of(_identity, start), "", KindText(start), "")
            : new CounterPair(start, middle, end, CounterName.Of(_identity, start), CounterName.Of(_identity, middle), KindText(start), KindText(middle));
    }
}

/// <summary>
/// Two windows side by side, [Start, Middle) and [Middle, End), in Unix milliseconds, the ids of their counters, and their kinds as holds
/// store them; the script picks by Redis's time.
/// </summary>
internal sealed class CounterPair(long start, long middle, long end, string current, string next, string currentKind, string nextKind)
{
    public long Start => start;

    public long Middle => middle;

    public long End => end;

    public string Current => current;

    public string Next => next;

    public string CurrentKind => currentKind;

    public string NextKind => nextKind;

    /// <summary>As the script takes them; kept here because they are the same for every request.</summary>
    public SpecTerms? Terms { get; set; }
}
