using System.Net.Sockets;

namespace Quota.TestKit;

/// <summary>
/// A real <c>redis-server</c> in a folder of its own, on 127.0.0.1 and a free port. Disposing kills it and removes the folder.
/// To take it away: <c>Process.Kill()</c>; to make it silent: <c>Process.Freeze()</c> and <c>Thaw()</c>.
/// </summary>
public sealed class RedisServer : IAsyncDisposable
{
    private const string Snapshot = "dump.rdb";

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("quota-redis-");
    private readonly DirectoryInfo _copies = Directory.CreateTempSubdirectory("quota-redis-copies-");
    private readonly bool _appendOnly;
    private readonly IReadOnlyList<string> _arguments;
    private CaptiveProcess? _process;

    private RedisServer(bool appendOnly, IReadOnlyList<string> arguments) => (_appendOnly, _arguments) = (appendOnly, arguments);

    /// <summary>Its port; stays the same over every start.</summary>
    public int Port { get; private set; }

    /// <summary>For StackExchange.Redis.</summary>
    public string ConnectionString => $"127.0.0.1:{Port}";

    /// <summary>The child, for crash tests (kill, freeze).</summary>
    public CaptiveProcess Process => _process ?? throw new InvalidOperationException("Not started.");

    /// <summary>Starts one and waits until it answers.</summary>
    /// <param name="appendOnly">Keep an append-only file, synced every second; else nothing survives a restart.</param>
    /// <param name="arguments">Further arguments, which win over ours: <c>"--maxmemory-policy", "allkeys-lru"</c>.</param>
    public static async Task<RedisServer> StartAsync(bool appendOnly = false, params IReadOnlyList<string> arguments)
    {
        if (Executables.Find("redis-server") is null)
            throw new InvalidOperationException("redis-server is not installed: apt-get install redis-server");
        var server = new RedisServer(appendOnly, arguments);
        try
        {
            await server.StartOnFreePortAsync();
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts it again on the same port and folder; kills it first if it still runs.</summary>
    public Task StartAgainAsync() => StartAgainAsync(_appendOnly);

    /// <summary>Another, empty server on the same port. A member of a cluster stays one: it keeps its <c>nodes.conf</c>.</summary>
    public async Task StartAgainEmptyAsync()
    {
        await EmptyFolderAsync();
        await StartAgainAsync(_appendOnly);
    }

    /// <summary>Restored from an old copy that <see cref="CopyDataAsync"/> made, of this server or of another.</summary>
    public async Task StartAgainFromAsync(string copy)
    {
        await EmptyFolderAsync();
        File.Copy(copy, Path.Combine(_folder.FullName, Snapshot));
        // With appendonly on, Redis 7 ignores a snapshot; so it is read without, and the append-only file begun from it.
        await StartAgainAsync(appendOnly: false);
        if (!_appendOnly)
            return;
        await SetAsync("appendonly", "yes");
        await Eventually.TrueAsync("the append-only file is written", async () =>
            await InfoAsync("persistence") is var info && info["aof_rewrite_in_progress"] == "0" && info["aof_rewrite_scheduled"] == "0");
    }

    /// <summary>SAVE, and a copy of the snapshot for <see cref="StartAgainFromAsync"/>; the copy goes when this server is disposed.</summary>
    public async Task<string> CopyDataAsync()
    {
        await CommandAsync("SAVE");
        var copy = Path.Combine(_copies.FullName, $"{_copies.GetFiles().Length}.rdb");
        File.Copy(Path.Combine(_folder.FullName, Snapshot), copy);
        return copy;
    }

    /// <summary>Removes every key of every database.</summary>
    public Task FlushAllAsync() => CommandAsync("FLUSHALL");

    /// <summary>CONFIG SET; lost with the process.</summary>
    public Task SetAsync(string config, string value) => CommandAsync("CONFIG", "SET", config, value);

    /// <summary>
    /// Makes it a read-only replica and waits until it holds the master's data instead of its own (about a second); null makes it a
    /// master again, with what it then has.
    /// </summary>
    public async Task ReplicaOfAsync(RedisServer? master)
    {
        if (master is null)
        {
            await CommandAsync("REPLICAOF", "NO", "ONE");
            return;
        }
        await CommandAsync("REPLICAOF", "127.0.0.1", $"{master.Port}");
        await Eventually.TrueAsync("the replica is in step", async () =>
            await InfoAsync("replication") is var info && info["master_link_status"] == "up" && info["master_sync_in_progress"] == "0", detail: () => Process.Output);
    }

    /// <summary>Sends one command on a connection of its own; returns its answer (arrays a line each, nil as null), throws on an error.</summary>
    public Task<string?> CommandAsync(params IReadOnlyList<string> words) => RedisWire.SendAsync(Port, words);

    /// <summary>INFO of a section: name to value.</summary>
    public async Task<IReadOnlyDictionary<string, string>> InfoAsync(string section) =>
        (await CommandAsync("INFO", section))!.Split("\r\n").Where(line => line.Contains(':')).ToDictionary(line => line.Split(':')[0], line => line.Split(':', 2)[1]);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await KillAsync();
        _folder.Delete(recursive: true);
        _copies.Delete(recursive: true);
    }

    private async Task KillAsync()
    {
        if (_process is null)
            return;
        _process.Kill();   // a frozen one would not hear a polite signal
        await _process.DisposeAsync();
        _process = null;
    }

    private async Task EmptyFolderAsync()
    {
        await KillAsync();
        foreach (var entry in _folder.EnumerateFileSystemInfos().Where(entry => entry.Name != RedisCluster.NodesFile))
        {
            if (entry is DirectoryInfo folder)
                folder.Delete(recursive: true);
            else
                entry.Delete();
        }
    }

    private async Task StartOnFreePortAsync()
    {
        for (var attempt = 0; attempt < 3; attempt++)
        {
            Port = FreePort.Next();
            if (await TryStartAsync(_appendOnly))
                return;
        }

        throw new InvalidOperationException($"redis-server did not start:{Environment.NewLine}{Process.Output}");
    }

    private async Task StartAgainAsync(bool appendOnly)
    {
        await KillAsync();
        if (!await TryStartAsync(appendOnly))
            throw new InvalidOperationException($"redis-server did not start again:{Environment.NewLine}{Process.Output}");
    }

    private async Task<bool> TryStartAsync(bool appendOnly)
    {
        _process = CaptiveProcess.Start(new CaptiveCommand("redis-server",
        [
            "--port", $"{Port}", "--bind", "127.0.0.1", "--dir", _folder.FullName, "--save", "", "--appendonly", appendOnly ? "yes" : "no",
            "--appendfsync", "everysec", "--repl-diskless-sync-delay", "0", "--daemonize", "no", .. _arguments,
        ]));
        await Eventually.TrueAsync("redis-server answers", async () => _process.HasExited || await AnswersAsync(), detail: () => _process.Output);
        return !_process.HasExited;
    }

    private async Task<bool> AnswersAsync()
    {
        try
        {
            return await CommandAsync("PING") == "PONG";
        }
        catch (Exception error) when (error is SocketException or IOException or RedisErrorException)
        {
            return false;   // nobody there yet, or it still loads its data
        }
    }
}
