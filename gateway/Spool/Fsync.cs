using System.ComponentModel;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Quota.Gateway.Spool;

/// <summary>fsync as the kernel means it.</summary>
/// <remarks>
/// .NET has none for a folder, without which a new file's name may be gone after a power loss, and with it the file: it does not open folders. And its
/// fsync of a file passes over EROFS and EINVAL (dotnet/runtime, RandomAccess.FlushToDisk): EROFS is what ext4 answers once it has given up a
/// failing disk, so records would be called durable that never will be.
/// </remarks>
internal static class Fsync
{
    private const int ReadOnly = 0, Interrupted = 4, Invalid = 22;

    /// <exception cref="IOException">The disk failed: what was written since the last one may be lost, whatever a later one says.</exception>
    public static void File(SafeFileHandle file)
    {
        if (OperatingSystem.IsWindows())
            RandomAccess.FlushToDisk(file);
        else if (Sync(file) is var error and not 0)
            throw Failed(error);
    }

    /// <summary>Makes durable which names the folder has.</summary>
    /// <exception cref="IOException">The disk failed.</exception>
    public static void Folder(string path)
    {
        if (OperatingSystem.IsWindows())
            return;   // NTFS writes names to its own journal, and lets nobody ask for more
        using var folder = new SafeFileHandle(open(path, ReadOnly), ownsHandle: true);
        if (folder.IsInvalid)
            throw Failed(Marshal.GetLastPInvokeError());
        if (Sync(folder) is var error and not (0 or Invalid))   // a file system that cannot, such as some shares, says so
            throw Failed(error);
    }

    private static int Sync(SafeFileHandle file)
    {
        while (fsync(file) != 0)
        {
            if (Marshal.GetLastPInvokeError() is var error and not Interrupted)
                return error;
        }
        return 0;
    }

    private static IOException Failed(int error) => new("fsync failed: " + new Win32Exception(error).Message);

#pragma warning disable SYSLIB1054, CA2101, CA5392, IDE1006   // generated marshalling needs unsafe code; libc is libc, and these are its names
    [DllImport("libc", SetLastError = true)]
    private static extern int open([MarshalAs(UnmanagedType.LPUTF8Str)] string path, int flags);

    [DllImport("libc", SetLastError = true)]
    private static extern int fsync(SafeFileHandle file);
#pragma warning restore SYSLIB1054, CA2101, CA5392, IDE1006
}
