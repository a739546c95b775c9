using System.Text.Json;
using Quota.Gateway.Limits;
using Quota.Gateway.Shipping;
using Quota.Gateway.Spool;
using Quota.Shared.Amounts;
using Quota.Shared.ControlPlane;
using Quota.Shared.Usage;

namespace Quota.Gateway.ControlPlane;

/// <summary>
/// Stand-alone: counts from the event file what young limits have not seen: the events in their windows that do not list their counters.
/// Goes on where it stopped, so that calls which were running when a limit was added are found as their events arrive.
/// </summary>
internal sealed class EventRecount(ShippingOptions shipping, SpoolOptions spool)
{
    private readonly string? _path = shipping.Sink == "file" ? shipping.Path ?? Path.Combine(spool.Directory, "events.jsonl") : null;
    private readonly Dictionary<string, long> _lastSeq = [];
    private IReadOnlyList<YoungLimit> _limits = [];
    private long _position;

    /// <summary>False when events are not kept where they can be counted again: then young limits wait for their next window.</summary>
    public bool CanCount => _path is not null;

    /// <summary>Begins anew with these limits.</summary>
    public void Begin(IReadOnlyList<YoungLimit> limits)
    {
        (_limits, _position) = (limits, 0);
        _lastSeq.Clear();
    }

    /// <summary>Counts what the file has gained. True when any sum is new.</summary>
    public bool Advance()
    {
        if (_path is null || !File.Exists(_path))
            return false;
        var hasCounted = false;
        using var file = new FileStream(_path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        if (file.Length < _position)
        {
            // Another file under the same name: what it holds is counted as well, what was counted before stays.
            _position = 0;
        }
        file.Seek(_position, SeekOrigin.Begin);
        using var reader = new StreamReader(file);
        while (reader.ReadLine() is { } line)
        {
            var bytes = System.Text.Encoding.UTF8.GetByteCount(line) + 1;
            if (_position + bytes > file.Length)
                break;   // the last line is still being written
            _position += bytes;
            hasCounted |= Count(line);
        }
        return hasCounted;
    }

    /// <summary>The seeds as they stand: one per node with use, and 0 for all others.</summary>
    public static IReadOnlyList<SnapshotSeed> SeedsOf(YoungLimit limit) =>
        [.. limit.Used.Select(pair => new SnapshotSeed(pair.Key, limit.WindowStart, (long)decimal.Floor(pair.Value.Amount), pair.Value.Events)), new SnapshotSeed(null, limit.WindowStart, 0, 0)];

    private bool Count(string line)
    {
        UsageEvent? it;
        try
        {
            it = JsonSerializer.Deserialize(line, UsageJson.Default.UsageEvent);
        }
        catch (JsonException)
        {
            return false;   // half a line that a crash left behind; its event was written again
        }
        if (it is null || (_lastSeq.TryGetValue(it.Instance, out var last) && it.Seq <= last))
            return false;   // sent again: the same event
        _lastSeq[it.Instance] = it.Seq;
        var takes = false;
        foreach (var limit in _limits)
            takes |= limit.Count(it);
        return takes;
    }
}

/// <summary>A limit that is younger than its window, and what its nodes had used in it.</summary>
internal sealed class YoungLimit(SnapshotLimit limit, SnapshotOrg org, ILimitKind kind, long windowStart, long windowEnd, string zone)
{
    private readonly Dictionary<string, string> _counterOf = [];

    public SnapshotLimit Limit => limit;

    public long WindowStart => windowStart;

    /// <summary>By node, in the counter's units, exact, and of how many events: a seed's version grows with what it counts.</summary>
    public Dictionary<string, (decimal Amount, long Events)> Used { get; } = [];

    /// <summary>Whether the limit took the event.</summary>
    public bool Count(UsageEvent it)
    {
        var at = it.At.ToUnixTimeMilliseconds();
        if (it.Org != org.Code || at < windowStart || at >= windowEnd || NodeOf(it) is not { } node || !Takes(it) || it.Counted.Contains(CounterOf(node)))
            return false;
        var amount = kind.Name switch
        {
            Meters.Spend => Nanos(it.Spend ?? it.Cost, it),
            Meters.Cost => Nanos(it.Cost, it),
            _ => kind.Used(it.Usage, default, isRate: false).ToDecimal(),
        };
        var (before, events) = Used.GetValueOrDefault(node);
        Used[node] = (before + amount, events + 1);
        return true;
    }

    /// <summary>Amounts are taken as the call was charged, by its own price, tier and instant; what prices are now does not matter.</summary>
    private decimal Nanos(string? amount, UsageEvent it) =>
        decimal.Parse(amount ?? "0", CultureInfo.InvariantCulture) * NanoUnits.PerMajor(Currency.Parse(it.Currency ?? org.Currency));

    private string? NodeOf(UsageEvent it)
    {
        string?[] nodes =
        [
            FileNode.Id(it.Org), it.Team is null ? null : FileNode.Id($"{it.Org}/{it.Team}"), it.User is null ? null : FileNode.Id($"{it.Org}/{it.Team}/{it.User}"), it.KeyId,
        ];
        if (!nodes.Contains(limit.NodeId))
            return null;
        return limit.Each switch { null => limit.NodeId, "team" => nodes[1], "user" => nodes[2], _ => nodes[3] };
    }

    private bool Takes(UsageEvent it) =>
        LimitPlan.WhyNot(limit.Terms.Selector, it.Model, it.Provider, it.Endpoint ?? "chat") is null
        && LimitPlan.WhyNot(limit.Terms.Selector, new SnapshotKey { Id = it.KeyId, Hash = "", OrgId = "", Environment = it.Environment, Tags = it.Tags ?? new Dictionary<string, string>() }) is null;

    private string CounterOf(string node)
    {
        if (!_counterOf.TryGetValue(node, out var id))
            _counterOf[node] = id = CounterName.Of(CounterName.Identity(node, limit.Terms, zone, limit.Overrides ?? limit.Code, limit.Below), windowStart);
        return id;
    }
}
