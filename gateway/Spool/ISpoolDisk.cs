namespace Quota.Gateway.Spool;

/// <summary>
/// As much of a disk as the spool needs: one folder. What was written and not flushed, and names that were made or deleted and not synced,
/// may be gone after a power loss, each for itself and in any order. Tests have a second one, which does so.
/// </summary>
internal interface ISpoolDisk
{
    /// <summary>The names in the folder.</summary>
    IReadOnlyList<string> Names();

    /// <summary>A file by its whole path, to tell people.</summary>
    string PathOf(string name);

    /// <exception cref="IOException">The name exists, or the disk fails.</exception>
    ISpoolFile Create(string name);

    /// <summary>For reading, and for flushing what an earlier run wrote.</summary>
    /// <exception cref="IOException">There is none, or the disk fails.</exception>
    ISpoolFile Open(string name);

    /// <summary>Null when there is none.</summary>
    byte[]? ReadWhole(string name);

    /// <summary>A new file in place of the old one: whole or not at all, and durable when it returns.</summary>
    void Replace(string name, ReadOnlySpan<byte> content);

    void Delete(string name);

    /// <summary>Makes the names durable that were made or deleted so far.</summary>
    void Sync();
}

/// <summary>A file of an <see cref="ISpoolDisk"/>.</summary>
internal interface ISpoolFile : IDisposable
{
    long Length { get; }

    /// <returns>Bytes read; 0 only at the end.</returns>
    int Read(Span<byte> into, long offset);

    /// <exception cref="IOException">None of it was written, or a part.</exception>
    void Write(ReadOnlySpan<byte> bytes, long offset);

    /// <summary>Makes what was written so far durable; not the file's name, see <see cref="ISpoolDisk.Sync"/>.</summary>
    void Flush();
}
