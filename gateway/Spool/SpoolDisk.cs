using Microsoft.Win32.SafeHandles;

namespace Quota.Gateway.Spool;

/// <summary>The real disk.</summary>
internal sealed class SpoolDisk(string folder) : ISpoolDisk
{
    public IReadOnlyList<string> Names() => [.. Directory.EnumerateFiles(folder).Select(path => Path.GetFileName(path))];

    public string PathOf(string name) => Path.Combine(folder, name);

    public ISpoolFile Create(string name)
    {
        using (var file = new FileStream(PathOf(name), OwnerFile.Options(FileMode.CreateNew)))
        {
        }
        return new OpenFile(File.OpenHandle(PathOf(name), FileMode.Open, FileAccess.ReadWrite, FileShare.Read));
    }

    public ISpoolFile Open(string name) => new OpenFile(File.OpenHandle(PathOf(name), FileMode.Open, FileAccess.Read, FileShare.ReadWrite));

    public byte[]? ReadWhole(string name) => File.Exists(PathOf(name)) ? File.ReadAllBytes(PathOf(name)) : null;

    public void Replace(string name, ReadOnlySpan<byte> content) => OwnerFile.Replace(PathOf(name), content);

    public void Delete(string name) => File.Delete(PathOf(name));

    public void Sync() => Fsync.Folder(folder);

    private sealed class OpenFile(SafeFileHandle handle) : ISpoolFile
    {
        public long Length => RandomAccess.GetLength(handle);

        public int Read(Span<byte> into, long offset) => RandomAccess.Read(handle, into, offset);

        public void Write(ReadOnlySpan<byte> bytes, long offset) => RandomAccess.Write(handle, bytes, offset);

        public void Flush() => Fsync.File(handle);

        public void Dispose() => handle.Dispose();
    }
}
