using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Quota.Local;

/// <summary>What a running <c>up</c> tells others, in <c>running.json</c>.</summary>
internal sealed record RunningProduct(int Pid, int PortBase);

/// <summary>Where everything lies that outlives a run, and the lock that only one <c>up</c> can hold.</summary>
internal sealed class DataFolder : IDisposable
{
    private FileStream? _lock;

    public DataFolder(string path)
    {
        Root = Path.GetFullPath(path);
        try
        {
            Directory.CreateDirectory(Root);
            Directory.CreateDirectory(Logs);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new LocalError($"Cannot write to {Root}: {error.Message} Name another folder with --data.");
        }
    }

    public string Root { get; }

    public string Logs => Path.Combine(Root, "logs");

    public string SecretsFile => Path.Combine(Root, "secrets.json");

    public string QuotaFile => Path.Combine(Root, "quota.yaml");

    public string Spool => Path.Combine(Root, "spool");

    public string StripeFile => Path.Combine(Root, "stripe.json");

    /// <summary>
    /// Where PostgreSQL keeps its cluster. As root the server runs under another account; when that may not enter our folder (as
    /// everything below /root), the cluster lies in /var/tmp under a name made from the folder's.
    /// </summary>
    public string Postgres => Environment.IsPrivilegedProcess && !OthersMayEnter(Root)
        ? Path.Combine("/var/tmp", "quota-" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(Root)))[..12])
        : Path.Combine(Root, "postgres");

    private string RunningFile => Path.Combine(Root, "running.json");

    private string LockFile => Path.Combine(Root, "lock");

    /// <summary>Takes the lock, which ends with this process. Throws when another <c>up</c> has it.</summary>
    public void Lock(int portBase)
    {
        _lock = TryLock() ?? throw new LocalError(
            $"deploy/local/up is running on {Root} already (pid {Running()?.Pid}). "
            + "Stop it, or use another folder and ports: --data DIR --port-base N");
        File.WriteAllText(RunningFile, JsonSerializer.Serialize(new RunningProduct(Environment.ProcessId, portBase)));
    }

    /// <summary>The product that runs on this folder. Throws when none does.</summary>
    public RunningProduct RequireRunning()
    {
        using var free = TryLock();
        return free is null && Running() is { } running
            ? running
            : throw new LocalError($"Nothing runs on {Root}. Start it in another terminal and wait for \"ready\": deploy/local/up");
    }

    public void Dispose() => _lock?.Dispose();

    private static bool OthersMayEnter(string folder)
    {
        for (var at = new DirectoryInfo(folder); at is not null; at = at.Parent)
        {
            if (at.Exists && (at.UnixFileMode & UnixFileMode.OtherExecute) == 0)
                return false;
        }

        return true;
    }

    private RunningProduct? Running() =>
        File.Exists(RunningFile) ? JsonSerializer.Deserialize<RunningProduct>(File.ReadAllText(RunningFile)) : null;

    private FileStream? TryLock()
    {
        try
        {
            return new FileStream(LockFile, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException)
        {
            return null;
        }
    }
}
