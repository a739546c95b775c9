using System.Data;
using Dapper;
using Npgsql;
using Quota.Shared.ControlPlane;

namespace Quota.Billing.Customers;

/// <summary>
/// Seeds of the windows that began before every call was counted: an exact sum and its version, read again only when events of the org
/// were stored since. The version is the number of events the org ever stored, plus one (see migration 0041): it grows with what was
/// summed and with nothing else, on every replica alike.
/// </summary>
/// <remarks>
/// A sum may take longer than a revocation may wait, so sums run beside the snapshot: it waits <see cref="Patience"/> for them and then
/// shows what it has. A limit whose first sum is not there is sent without seeds, and gateways answer <c>unseeded</c> until it is.
/// </remarks>
internal sealed class SeedCache(NpgsqlDataSource database, TimeProvider clock, IHostApplicationLifetime process, ILogger<SeedCache> log) : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(500);

    /// <summary>A sum is read again after this many times as long as it took: a long history costs at most a tenth of one connection.</summary>
    private const int Rest = 10;

    /// <summary>Sums that run at once: the rest of the process needs connections too.</summary>
    private const int AtOnce = 2;

    /// <summary>Seconds; a lifetime of a large org is read in the background, so it may take long.</summary>
    private const int QueryPatience = 600;

    private readonly SemaphoreSlim _turns = new(AtOnce, AtOnce);
    private Dictionary<(Guid Limit, string Identity, long Start), Entry> _entries = [];

    /// <summary>Seeds by limit; not for two callers at once. Asks the database nothing when no limit is young.</summary>
    /// <param name="connection">In the snapshot's transaction: its versions tell whether a sum is old.</param>
    public async Task<ILookup<Guid, SnapshotSeed>> ReadAsync(NpgsqlConnection connection, IReadOnlyList<Limit> limits, DateTimeOffset now)
    {
        var young = (from limit in limits from window in YoungWindows(limit, now) select (limit, window, key: KeyOf(limit, window.Start))).ToList();
        _entries = young.ToDictionary(one => one.key, one => _entries.GetValueOrDefault(one.key) ?? new Entry());
        if (young.Count == 0)
            return Array.Empty<Guid>().ToLookup(id => id, _ => (SnapshotSeed)null!);

        var customers = young.Select(one => one.limit.CustomerId).Distinct().ToArray();
        var versions = (await connection.QueryAsync<(Guid Customer, long Events)>(
            "select customer_id, events from usage_versions where customer_id = any(@customers)", new { customers }))
            .ToDictionary(row => row.Customer, row => row.Events);
        var started = new List<Task>();
        foreach (var (limit, window, key) in young)
        {
            var entry = _entries[key];
            var isOld = entry.Version <= versions.GetValueOrDefault(limit.CustomerId);
            if (isOld && entry.Running.IsCompleted && clock.GetElapsedTime(entry.ReadAt) >= entry.Rest)
                started.Add(entry.Running = SumAsync(entry, limit, window));
        }
        if (started.Count > 0)
            await Task.WhenAny(Task.WhenAll(started), Task.Delay(Patience, clock));
        return young.SelectMany(one => _entries[one.key].Seeds.Select(seed => (one.limit.Id, seed))).ToLookup(pair => pair.Id, pair => pair.seed);
    }

    public void Dispose() => _turns.Dispose();

    /// <summary>What the sum is of: the limit's terms may change while its code stays.</summary>
    private static (Guid, string, long) KeyOf(Limit limit, long start) => (limit.Id, $"{limit.Each} {limit.IdentityOf(limit.NodeId)}", start);

    /// <summary>The current window and the next, as far as they begin before every call was counted.</summary>
    private static IEnumerable<(long Start, long End)> YoungWindows(Limit limit, DateTimeOffset now)
    {
        if (limit.CountedSince is not { } since || UsageQuery.WindowOf(limit, now) is not { } window)
            yield break;
        if (window.Start < since.ToUnixTimeMilliseconds())
            yield return window;
        if (window.End < since.ToUnixTimeMilliseconds())
            yield return UsageQuery.WindowOf(limit, DateTimeOffset.FromUnixTimeMilliseconds(window.End))!.Value;
    }

    private async Task SumAsync(Entry entry, Limit limit, (long Start, long End) window)
    {
        var cancel = process.ApplicationStopping;
        await _turns.WaitAsync(cancel);
        var started = clock.GetTimestamp();
        try
        {
            await using var connection = await database.OpenConnectionAsync(cancel);
            // One picture: the version must be that of exactly the events that are summed.
            await using var transaction = await connection.BeginTransactionAsync(IsolationLevel.RepeatableRead, cancel);
            var version = 1 + await connection.ExecuteScalarAsync<long>(
                "select coalesce(sum(events), 0)::bigint from usage_versions where customer_id = @CustomerId", new { limit.CustomerId });
            entry.Replace(version, window.Start, await UsageQuery.ReadAsync(connection, limit, window, uncountedOnly: true, QueryPatience, cancel));
        }
        catch (Exception error)
        {
            // Nobody waits for this task's end, so nothing may escape it; what is tried again goes on as it was.
            if (!cancel.IsCancellationRequested)
                Log.SeedNotRead(log, limit.Code, error);
        }
        (entry.ReadAt, entry.Rest) = (clock.GetTimestamp(), Rest * clock.GetElapsedTime(started));
        _turns.Release();
    }

    private sealed class Entry
    {
        public Task Running { get; set; } = Task.CompletedTask;

        /// <summary>0 before the first sum.</summary>
        public long Version { get; private set; }

        public long ReadAt { get; set; }

        public TimeSpan Rest { get; set; }

        public IReadOnlyList<SnapshotSeed> Seeds { get; private set; } = [];

        /// <summary>A seed whose value is the same keeps its version: else every event would change the snapshot of every gateway.</summary>
        public void Replace(long version, long start, IReadOnlyList<NodeUsage> used)
        {
            var before = Seeds.ToDictionary(seed => seed.NodeId ?? "");
            Seeds = [.. used.OrderBy(node => node.NodeId).Select(node => Seed(node.NodeId.ToString("N"), node.Used)), Seed(null, 0)];
            Version = version;

            SnapshotSeed Seed(string? node, long value) =>
                before.TryGetValue(node ?? "", out var old) && old.Used == value ? old : new SnapshotSeed(node, start, value, version);
        }
    }
}
