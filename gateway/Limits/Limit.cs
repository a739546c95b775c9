using Quota.Shared.Amounts;
using Quota.Shared.ControlPlane;
using StackExchange.Redis;

namespace Quota.Gateway.Limits;

/// <summary>A limit ready to be enforced: its terms, its kind, and the keys of its counters, kept until the window turns.</summary>
internal sealed class Limit
{
    private readonly TimeZoneInfo _zone;
    private volatile CounterPair? _counters;

    public Limit(SnapshotLimit limit, SnapshotOrg org, ILimitKind kind)
    {
        (Code, Scope, OrgId, NodeId, Terms, Kind) = (limit.Code, limit.Scope, limit.OrgId, limit.NodeId, limit.Terms, kind);
        var zone = Terms.Window.Timezone ?? org.Timezone;
        _zone = TimeZoneInfo.TryFindSystemTimeZoneById(zone, out var found) ? found : throw new FormatException($"limit {Code}: this machine does not know the time zone '{zone}'");
        Amount = Terms.IsMoney && NanoUnits.TryFrom(Terms.Amount, Currency.Parse(Terms.Currency!), out var nanos) ? nanos : (long)Terms.Amount;
        MostAtOnce = Terms.Window.IsRate ? Terms.Window.Burst ?? Amount : Amount;
    }

    public string Code { get; }

    public string Scope { get; }

    public string OrgId { get; }

    public string NodeId { get; }

    public LimitTerms Terms { get; }

    public ILimitKind Kind { get; }

    /// <summary>The amount in the counter's units: nano-units or whole things.</summary>
    public long Amount { get; }

    /// <summary>The most that used + held may be: the amount, or a rate's burst.</summary>
    public long MostAtOnce { get; }

    /// <summary>What its counters are told apart by, whatever the window. Limits of one identity count on the same counter.</summary>
    public (string NodeId, string Meter, string Window, string? Currency) Identity => (NodeId, Terms.Meter, Window, Terms.Currency);

    public bool IsRate => Terms.Window.IsRate;

    /// <summary>The counters of the window that holds this instant and of the next one. A rate has one for ever.</summary>
    public CounterPair CountersAt(long unixMs)
    {
        var counters = _counters;
        if (counters is null || unixMs < counters.Start || unixMs >= counters.Middle)
            _counters = counters = IsRate ? RateCounter() : CalendarCounters(unixMs);
        return counters;
    }

    private CounterPair CalendarCounters(long unixMs)
    {
        var (start, middle) = WindowCalendar.Of(Terms.Window.Kind, _zone, unixMs);
        var (_, end) = WindowCalendar.Of(Terms.Window.Kind, _zone, middle);
        return new CounterPair(start, middle, end, Key(start), Key(middle));
    }

    private CounterPair RateCounter() => new(long.MinValue, long.MaxValue, long.MaxValue, Key(0), default);

    private RedisKey Key(long start) => QuotaKeys.Counter(OrgId, QuotaKeys.CounterId(NodeId, Terms.Meter, Window, start, Terms.Currency));

    private string Window => IsRate ? $"rate/{Terms.Window.Every}" : $"{Terms.Window.Kind}/{_zone.Id}";
}

/// <summary>Two windows side by side, [Start, Middle) and [Middle, End), in Unix milliseconds; the script picks by Redis's time.</summary>
internal sealed record CounterPair(long Start, long Middle, long End, RedisKey Current, RedisKey Next);
