using System.Data;
using Dapper;
using Npgsql;
using Quota.Shared.ControlPlane;

namespace Quota.Billing.Customers;

/// <summary>
/// Seeds of the windows that began before every call was counted, and of those in which a call was corrected: an exact sum and its version,
/// read again only when such events of the org were stored since. The version is the number of events, for the latter of corrections, that
/// the org ever stored, plus one (see migrations 0041, 0047): it grows with what was summed and with nothing else, on every replica alike.
/// A gathering without gateways that were lost raises it too, since their events are uncounted from then on. A limit that is enabled again goes from the latter to the former, never back, and there are never fewer events than corrections.
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
    private Dictionary<(Guid Limit, string Identity, long Start, UsageOf Of), Entry> _entries = [];

    /// <summary>Seeds by limit; not for two callers at once. Sums nothing when no limit is young and no call was corrected.</summary>
    /// <param name="connection">In the snapshot's transaction: its versions tell whether a sum is old.</param>
    public async Task<ILookup<Guid, SnapshotSeed>> ReadAsync(NpgsqlConnection connection, IReadOnlyList<Limit> limits, DateTimeOffset now)
    {
        var customers = limits.Select(limit => limit.CustomerId).Distinct().ToArray();
        var versions = (await connection.QueryAsync<UsageVersion>(
            UsageVersion.Select, new { customers }))
            .ToDictionary(version => version.CustomerId);
        var windows = limits.SelectMany(limit => SeedWindow.ListOf(limit, versions.GetValueOrDefault(limit.CustomerId), now)).ToList();
        _entries = windows.ToDictionary(window => window.Key, window => _entries.GetValueOrDefault(window.Key) ?? new Entry());
        var started = new List<Task>();
        foreach (var window in windows)
        {
            var entry = _entries[window.Key];
            var isOld = entry.Version <= (versions.GetValueOrDefault(window.Limit.CustomerId)?.For(window.Of) ?? 0);
            if (isOld && entry.Running.IsCompleted && clock.GetElapsedTime(entry.ReadAt) >= entry.Rest)
                started.Add(entry.Running = SumAsync(entry, window));
        }
        if (started.Count > 0)
            await Task.WhenAny(Task.WhenAll(started), Task.Delay(Patience, clock));
        return windows.SelectMany(window => _entries[window.Key].Seeds.Select(seed => (window.Limit.Id, seed))).ToLookup(pair => pair.Id, pair => pair.seed);
    }

    public void Dispose() => _turns.Dispose();

    private async Task SumAsync(Entry entry, SeedWindow window)
    {
        var cancel = process.ApplicationStopping;
        await _turns.WaitAsync(cancel);
        var started = clock.GetTimestamp();
        try
        {
            await using var connection = await database.OpenConnectionAsync(cancel);
            // One picture: the version must be that of exactly the events that are summed.
            await using var transaction = await connection.BeginTransactionAsync(IsolationLevel.RepeatableRead, cancel);
            var version = await connection.QuerySingleOrDefaultAsync<UsageVersion>(
                UsageVersion.Select, new { customers = new[] { window.Limit.CustomerId } });
            var lost = await connection.ExecuteScalarAsync<string[]?>("select lost from epochs where customer_id = @CustomerId", new { window.Limit.CustomerId });
            var used = await UsageQuery.ReadAsync(connection, window.Limit, window.Window, window.Of, QueryPatience, lost, cancel);
            entry.Replace(1 + (version?.For(window.Of) ?? 0), window, used);
        }
        catch (Exception error)
        {
            // Nobody waits for this task's end, so nothing may escape it; what is tried again goes on as it was.
            if (!cancel.IsCancellationRequested)
                Log.SeedNotRead(log, window.Limit.Code, error);
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
        public void Replace(long version, SeedWindow window, IReadOnlyList<NodeUsage> used)
        {
            var before = Seeds.ToDictionary(seed => seed.NodeId ?? "");
            var seeds = used.OrderBy(node => node.NodeId).Select(node => Seed(node.NodeId.ToString("N"), node.Used));
            // A counter that counted all calls needs no seed to begin with.
            Seeds = [.. window.Of == UsageOf.Uncounted ? seeds.Append(Seed(null, 0)) : seeds];
            Version = version;

            SnapshotSeed Seed(string? node, long value) =>
                before.TryGetValue(node ?? "", out var old) && old.Used == value ? old : new SnapshotSeed(node, window.Window.Start, value, version);
        }
    }
}
