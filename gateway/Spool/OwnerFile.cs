namespace Quota.Gateway.Spool;

/// <summary>Small files that are replaced as a whole and that only their owner may read (mode 600).</summary>
internal static class OwnerFile
{
    /// <summary>Whole or not at all, and durable when it returns.</summary>
    public static void Replace(string path, ReadOnlySpan<byte> content)
    {
        var temporary = path + ".new";
        using (var file = new FileStream(temporary, Options(FileMode.Create)))
        {
            file.Write(content);
            file.Flush();
            Fsync.File(file.SafeFileHandle);
        }
        File.Move(temporary, path, overwrite: true);
        Fsync.Folder(Path.GetDirectoryName(Path.GetFullPath(path))!);   // else a power loss may bring the old one back
    }

    /// <summary>How such files are opened for writing.</summary>
    public static FileStreamOptions Options(FileMode mode)
    {
        var options = new FileStreamOptions { Mode = mode, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        return options;
    }
}
