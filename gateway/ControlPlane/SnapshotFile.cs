using System.Text.Json;
using Quota.Gateway.Spool;
using Quota.Shared.ControlPlane;

namespace Quota.Gateway.ControlPlane;

/// <summary>
/// The last good snapshot on disk, so that a gateway starts while the core is down. It holds the pepper and key hashes, so only the
/// owner may read it. Its time of writing says when the core last confirmed it.
/// </summary>
internal sealed class SnapshotFile(SpoolOptions spool)
{
    private string Path => System.IO.Path.Combine(spool.Directory, "snapshot.json");

    /// <summary>The snapshot and when it was confirmed; null when there is none.</summary>
    /// <exception cref="JsonException">The file is damaged.</exception>
    public (ControlSnapshot Snapshot, DateTimeOffset ConfirmedAt)? Read()
    {
        if (!File.Exists(Path))
            return null;
        var snapshot = JsonSerializer.Deserialize(File.ReadAllBytes(Path), SnapshotJson.Default.ControlSnapshot);
        return snapshot is null ? null : (snapshot, File.GetLastWriteTimeUtc(Path));
    }

    /// <summary>Replaces the file as a whole: a crash leaves the old one or the new one.</summary>
    public void Write(ControlSnapshot snapshot) =>
        OwnerFile.Replace(Path, JsonSerializer.SerializeToUtf8Bytes(snapshot, SnapshotJson.Default.ControlSnapshot));

    /// <summary>Notes that the core confirmed it just now.</summary>
    public void Touch(DateTimeOffset now)
    {
        if (File.Exists(Path))
            File.SetLastWriteTimeUtc(Path, now.UtcDateTime);
    }
}
