using System.Net.Sockets;
using System.Text;

namespace Quota.TestKit;

/// <summary>A real <c>redis-server</c> in a folder of its own, on 127.0.0.1 and a free port. Disposing stops it and removes the folder.</summary>
public sealed class RedisServer : IAsyncDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("quota-redis-");
    private readonly bool _appendOnly;
    private CaptiveProcess? _process;

    private RedisServer(bool appendOnly) => _appendOnly = appendOnly;

    /// <summary>Its port; stays the same over <see cref="StartAgainAsync"/>.</summary>
    public int Port { get; private set; }

    /// <summary>For StackExchange.Redis.</summary>
    public string ConnectionString => $"127.0.0.1:{Port}";

    /// <summary>The child, for crash tests (kill, freeze).</summary>
    public CaptiveProcess Process => _process ?? throw new InvalidOperationException("Not started.");

    /// <summary>Starts one and waits until it answers.</summary>
    /// <param name="appendOnly">Keep an append-only file, synced every second; else nothing survives a restart.</param>
    public static async Task<RedisServer> StartAsync(bool appendOnly = false)
    {
        if (Executables.Find("redis-server") is null)
            throw new InvalidOperationException("redis-server is not installed: apt-get install redis-server");
        var server = new RedisServer(appendOnly);
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

    /// <summary>Starts it again on the same port and folder, after a stop or kill of <see cref="Process"/>.</summary>
    public async Task StartAgainAsync()
    {
        if (_process is not null)
            await _process.DisposeAsync();
        if (!await TryStartAsync())
            throw new InvalidOperationException($"redis-server did not start again:{Environment.NewLine}{Process.Output}");
    }

    /// <summary>Removes every key of every database.</summary>
    public async Task FlushAllAsync()
    {
        if (await AskAsync("FLUSHALL") is not "+OK")
            throw new InvalidOperationException("FLUSHALL was refused.");
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_process is not null)
            await _process.DisposeAsync();
        _folder.Delete(recursive: true);
    }

    private async Task StartOnFreePortAsync()
    {
        for (var attempt = 0; attempt < 3; attempt++)
        {
            Port = FreePort.Next();
            if (await TryStartAsync())
                return;
        }

        throw new InvalidOperationException($"redis-server did not start:{Environment.NewLine}{Process.Output}");
    }

    private async Task<bool> TryStartAsync()
    {
        _process = CaptiveProcess.Start(new CaptiveCommand(
            "redis-server", "--port", $"{Port}", "--bind", "127.0.0.1", "--dir", _folder.FullName, "--save", "",
            "--appendonly", _appendOnly ? "yes" : "no", "--appendfsync", "everysec", "--daemonize", "no"));
        await Eventually.TrueAsync("redis-server answers", async () => _process.HasExited || await AnswersAsync(), detail: () => _process.Output);
        return !_process.HasExited;
    }

    private async Task<bool> AnswersAsync()
    {
        try
        {
            return await AskAsync("PING") == "+PONG";
        }
        catch (Exception error) when (error is SocketException or IOException)
        {
            return false;
        }
    }

    private async Task<string?> AskAsync(string command)
    {
        using var client = new TcpClient();
        await client.ConnectAsync("127.0.0.1", Port);
        var stream = client.GetStream();
        await stream.WriteAsync(Encoding.ASCII.GetBytes(command + "\r\n"));
        using var reader = new StreamReader(stream, Encoding.ASCII);
        return await reader.ReadLineAsync();
    }
}
