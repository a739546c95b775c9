using System.Text.Json;
using System.Text.Json.Serialization;
using Quota.Gateway.Spool;
using Quota.Shared.ControlPlane;

namespace Quota.Gateway.ControlPlane;

/// <summary>
/// Stand-alone: remembers in the spool's folder since when each limit counts what it counts, so that one that is added, or counts
/// something else, in the middle of a window begins with what was used before it. The limits of a first start count from ever.
/// </summary>
internal sealed class LimitDates(SpoolOptions spool, GatewayClock clock)
{
    private readonly string _path = Path.Combine(spool.Directory, "limits.json");

    /// <summary>The snapshot with <see cref="SnapshotLimit.Since"/> filled in.</summary>
    /// <exception cref="IOException">The disk failed.</exception>
    public ControlSnapshot Date(ControlSnapshot snapshot)
    {
        var known = Read();
        var orgs = snapshot.Orgs.ToDictionary(org => org.Id);
        var now = clock.GetUtcNow();
        Dictionary<string, DateTimeOffset?> dates = [];
        var limits = snapshot.Limits.Select(limit =>
        {
            // An override counts on the counters of the default that it replaces.
            var counted = limit.Overrides is { } code ? snapshot.Limits.First(other => other.OrgId == limit.OrgId && other.Code == code) : limit;
            var name = $"{counted.Each} {CounterName.Identity(counted.NodeId, counted.Terms, counted.Terms.Window.Timezone ?? orgs[counted.OrgId].Timezone, counted.Code, counted.Below)}";
            if (!dates.TryGetValue(name, out var since))
                dates[name] = since = known is null ? null : known.TryGetValue(name, out var before) ? before : now;
            return limit with { Since = since };
        }).ToArray();
        OwnerFile.Replace(_path, JsonSerializer.SerializeToUtf8Bytes(dates, LimitDatesJson.Default.DictionaryStringNullableDateTimeOffset));
        return snapshot with { Limits = limits };
    }

    private Dictionary<string, DateTimeOffset?>? Read() =>
        File.Exists(_path) ? JsonSerializer.Deserialize(File.ReadAllBytes(_path), LimitDatesJson.Default.DictionaryStringNullableDateTimeOffset) : null;
}

[JsonSerializable(typeof(Dictionary<string, DateTimeOffset?>))]
internal sealed partial class LimitDatesJson : JsonSerializerContext;
