using Quota.Gateway.Spool;

namespace Quota.Gateway.Tests.Spool;

/// <summary>The real disk.</summary>
public sealed class SpoolDiskTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("quota-disk-");

    [Fact]
    public void It_creates_writes_reads_replaces_lists_and_deletes()
    {
        var disk = new SpoolDisk(_folder.FullName);
        using (var file = disk.Create("a"))
        {
            file.Write("hello"u8, 0);
            file.Write("world"u8, 5);
            file.Flush();
            file.Length.ShouldBe(10);
            disk.Sync();
            using var reader = disk.Open("a");   // beside the writer
            var buffer = new byte[20];
            reader.Read(buffer, 3).ShouldBe(7);
            buffer[..7].ShouldBe("loworld"u8.ToArray());
            reader.Read(buffer, 10).ShouldBe(0);
            reader.Flush();
        }
        Should.Throw<IOException>(() => disk.Create("a"));
        Should.Throw<IOException>(() => disk.Open("b"));
        disk.ReadWhole("b").ShouldBeNull();
        disk.Replace("b", "new"u8);
        disk.ReadWhole("b").ShouldBe("new"u8.ToArray());
        disk.Names().Order().ShouldBe(["a", "b"]);
        disk.Delete("a");
        disk.Sync();
        disk.Names().ShouldBe(["b"]);
    }

    [Fact]
    public void What_it_makes_is_its_owners()
    {
        if (OperatingSystem.IsWindows())
            return;
        var disk = new SpoolDisk(_folder.FullName);
        disk.Create("a").Dispose();
        disk.Replace("b", "x"u8);
        foreach (var name in disk.Names())
            File.GetUnixFileMode(disk.PathOf(name)).ShouldBe(UnixFileMode.UserRead | UnixFileMode.UserWrite);
    }

    /// <summary>.NET's own passes over EINVAL, which a device says here, and EROFS, which ext4 says once it has given up a failing disk.</summary>
    [Fact]
    public void An_fsync_that_fails_is_never_passed_over()
    {
        if (OperatingSystem.IsWindows())
            return;
        using var device = File.OpenHandle("/dev/null", FileMode.Open, FileAccess.ReadWrite);
        RandomAccess.FlushToDisk(device);
        Should.Throw<IOException>(() => Fsync.File(device));
        Should.Throw<IOException>(() => Fsync.Folder(Path.Combine(_folder.FullName, "none")));
        Fsync.Folder(_folder.FullName);
    }

    public void Dispose() => _folder.Delete(recursive: true);
}
