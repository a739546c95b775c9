namespace Quota.Gateway.Shipping;

/// <summary>A file of lines that is only ever added to.</summary>
internal static class LineFile
{
    /// <summary>Adds whole lines; fsynced when it returns. Half a line that a crash or a full disk left stays a line of its own and spoils no other.</summary>
    /// <exception cref="IOException">Unknown how much was added: add it again.</exception>
    public static async Task AppendAsync(string path, ReadOnlyMemory<byte> lines, bool ownerOnly, CancellationToken cancellation)
    {
        var how = new FileStreamOptions { Mode = FileMode.OpenOrCreate, Access = FileAccess.ReadWrite, Share = FileShare.Read };
        if (ownerOnly && !OperatingSystem.IsWindows())
            how.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        await using var file = new FileStream(path, how);
        if (file.Length > 0)
        {
            file.Seek(-1, SeekOrigin.End);
            if (file.ReadByte() != '\n')
                file.WriteByte((byte)'\n');
        }
        await file.WriteAsync(lines, cancellation);
        file.Flush(flushToDisk: true);
    }
}
