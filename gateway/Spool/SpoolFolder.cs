using System.Text;

namespace Quota.Gateway.Spool;

/// <summary>
/// A gateway's own folder, held exclusively. It keeps the gateway's id, so that holds and events find their owner after a restart,
/// and the machine's boot id: within one boot, what was written is with the kernel even if the gateway was killed. The id is noted only
/// once recovery is done, so that a start that was cut short does not hide a restart of the machine.
/// </summary>
internal sealed record SpoolFolder(FileStream Lock, ISpoolDisk Disk, GatewayIdentity Identity, bool SameBoot, Action NoteBoot)
{
    /// <summary>The machine was restarted since this folder's gateway last served: what was not fsynced may be gone.</summary>
    public bool MayHaveLost { get; init; }

    /// <exception cref="IOException">Another gateway runs on this folder.</exception>
    public static SpoolFolder Open(SpoolOptions options, TimeProvider time)
    {
        FileStream folderLock;
        try
        {
            folderLock = new FileStream(Path.Combine(options.Directory, "lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException problem)
        {
            throw new IOException($"Spool__Directory {options.Directory} is in use by another gateway; give each its own folder", problem);
        }
        SyncName(options.Directory);
        var instance = ReadOrMake(Path.Combine(options.Directory, "instance"), () => Guid.CreateVersion7(time.GetUtcNow()).ToString("N"));
        var boot = File.Exists("/proc/sys/kernel/random/boot_id") ? File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim() : "unknown";
        var bootFile = Path.Combine(options.Directory, "boot");
        var sameBoot = boot != "unknown" && File.Exists(bootFile) && File.ReadAllText(bootFile) == boot;
        return new SpoolFolder(folderLock, new SpoolDisk(options.Directory), new GatewayIdentity(instance), sameBoot, () => OwnerFile.Replace(bootFile, Encoding.UTF8.GetBytes(boot)))
        {
            MayHaveLost = File.Exists(bootFile) && !sameBoot,
        };
    }

    private static string ReadOrMake(string path, Func<string> make)
    {
        if (File.Exists(path) && File.ReadAllText(path) is { Length: > 0 } known)
            return known;
        var made = make();
        OwnerFile.Replace(path, Encoding.UTF8.GetBytes(made));
        return made;
    }

    /// <summary>The folder may have been made just now. One that lies where its owner may not look is somebody else's making.</summary>
    private static void SyncName(string folder)
    {
        try
        {
            Fsync.Folder(Path.GetDirectoryName(folder) ?? folder);
        }
        catch (IOException)
        {
        }
    }
}
