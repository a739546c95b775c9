using System.Security.Cryptography;
using System.Text.Json;
using Quota.Billing.Access;
using Quota.Billing.Clock;
using Quota.Shared.ControlPlane;

namespace Quota.Billing.Customers;

/// <summary>
/// The snapshot as bytes, read from the database at most every half second however many gateways poll. Together with their polling
/// each second a revoked key is dead everywhere within two.
/// </summary>
internal sealed class SnapshotCache(SnapshotStore store, CoreKeys keys, CoreClock clock) : IDisposable
{
    private static readonly TimeSpan MaxAge = TimeSpan.FromMilliseconds(500);

    private readonly SemaphoreSlim _oneReader = new(1, 1);
    private Entry? _entry;

    public async Task<Entry> GetAsync(CancellationToken cancel)
    {
        if (Fresh() is { } fresh)
            return fresh;
        await _oneReader.WaitAsync(cancel);
        try
        {
            return Fresh() ?? (_entry = await ReadAsync(cancel));
        }
        finally
        {
            _oneReader.Release();
        }
    }

    public void Dispose() => _oneReader.Dispose();

    /// <summary>A moved test clock must reach the gateways at once, so an entry of another offset is never fresh.</summary>
    private Entry? Fresh() =>
        _entry is { } entry && entry.OffsetMs == clock.OffsetMs && clock.GetElapsedTime(entry.ReadAt) < MaxAge ? entry : null;

    private async Task<Entry> ReadAsync(CancellationToken cancel)
    {
        // Taken before the read: an entry must not claim to be younger than what it shows.
        var (readAt, offset) = (clock.GetTimestamp(), clock.OffsetMs);
        var snapshot = await store.ReadAsync(Convert.ToBase64String(keys.Pepper), offset == 0 ? null : offset, clock.GetUtcNow(), cancel);
        var version = Convert.ToHexStringLower(SHA256.HashData(Write(snapshot)))[..32];
        return _entry is { } old && old.Version == version
            ? old with { ReadAt = readAt, OffsetMs = offset }
            : new Entry(version, Write(snapshot with { Version = version }), readAt, offset);
    }

    private static byte[] Write(ControlSnapshot snapshot) => JsonSerializer.SerializeToUtf8Bytes(snapshot, SnapshotJson.Default.ControlSnapshot);

    /// <param name="Version">Hash of the content: equal content, equal version, on every replica.</param>
    public sealed record Entry(string Version, byte[] Bytes, long ReadAt, long OffsetMs)
    {
        public string ETag => $"\"{Version}\"";
    }
}
