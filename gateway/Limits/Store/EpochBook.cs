using System.Text;
using Quota.Gateway.Spool;

namespace Quota.Gateway.Limits.Store;

/// <summary>The epoch of an org's counters as this gateway knows it.</summary>
/// <param name="Acknowledged">Mutations of ours that the store has acknowledged; at least, after a crash.</param>
/// <param name="IsAlone">No other gateway was ever seen on these counters: what this one knows is all there is.</param>
internal sealed record KnownEpoch(string Id, long Acknowledged, bool IsAlone);

/// <summary>
/// Remembers epochs over restarts of this gateway, one small file an org, so that a store that was emptied or replaced meanwhile is
/// noticed. Without a folder (tests) only while it lives.
/// </summary>
internal sealed class EpochBook(string? folder)
{
    private readonly System.Collections.Concurrent.ConcurrentDictionary<string, KnownEpoch> _known = new();
    private readonly System.Collections.Concurrent.ConcurrentDictionary<string, KnownEpoch?> _atStart = new();

    /// <summary>What an earlier run left.</summary>
    public KnownEpoch? AtStart(string orgId) => _atStart.GetOrAdd(orgId, Read);

    public KnownEpoch? Read(string orgId)
    {
        if (_known.TryGetValue(orgId, out var known))
            return known;
        if (folder is null || !File.Exists(PathOf(orgId)))
            return null;
        return File.ReadAllText(PathOf(orgId)).Split(' ') is [{ Length: > 0 } id, var acknowledged, var alone]
            && long.TryParse(acknowledged, NumberStyles.None, CultureInfo.InvariantCulture, out var count)
            ? _known[orgId] = new KnownEpoch(id, count, alone == "alone") : null;
    }

    /// <exception cref="IOException">The disk failed: the epoch must not be used.</exception>
    public void Write(string orgId, KnownEpoch epoch)
    {
        if (_known.TryGetValue(orgId, out var known) && known == epoch)
            return;
        _ = AtStart(orgId);
        if (folder is not null)
        {
            Directory.CreateDirectory(folder);
            lock (_known)
                OwnerFile.Replace(PathOf(orgId), Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{epoch.Id} {epoch.Acknowledged} {(epoch.IsAlone ? "alone" : "shared")}")));
        }
        _known[orgId] = epoch;
    }

    private string PathOf(string orgId) => Path.Combine(folder!, orgId);
}
