using System.Globalization;

namespace Quota.TestKit;

/// <summary>The files of one PostgreSQL cluster: made by initdb, owned by the account that the server runs as.</summary>
internal sealed class PostgresCluster(string binaries, PostgresOptions options)
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(60);

    private readonly UnixAccount? _account = UnixAccount.ForServers();
    private readonly bool _temporary = options.DataFolder is null;
    private readonly string _folder = options.DataFolder ?? TemporaryFolder();

    private string Data => Path.Combine(_folder, "cluster");

    /// <summary>Makes the cluster unless an earlier start did so completely.</summary>
    public async Task EnsureAsync()
    {
        var complete = Path.Combine(_folder, "complete");
        if (File.Exists(complete))
            return;
        Directory.CreateDirectory(_folder);
        File.SetUnixFileMode(_folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        // initdb insists on an empty folder, so one that was interrupted is begun anew.
        if (Directory.Exists(Data))
            Directory.Delete(Data, recursive: true);
        var password = Path.Combine(_folder, "password");
        await File.WriteAllTextAsync(password, options.Password + "\n");
        await GiveAwayAsync(_folder);
        var arguments = new List<string>
        {
            "-D", Data, "-U", "postgres", "-A", "scram-sha-256", "--pwfile", password, "-E", "UTF8", "--locale=C",
        };
        if (_temporary)
            arguments.Add("--no-sync");
        await CaptiveProcess.RunAsync(Command("initdb", arguments), Bound);
        File.Delete(password);
        await File.WriteAllTextAsync(complete, "initdb has ended\n");
    }

    /// <summary>The server in the foreground, without a Unix socket: another server's folder for those may not be ours to write.</summary>
    public CaptiveCommand ServerCommand(int port)
    {
        var arguments = new List<string>
        {
            "-D", Data, "-p", port.ToString(CultureInfo.InvariantCulture), "-c", "listen_addresses=127.0.0.1",
            "-c", "unix_socket_directories=", "-c", "max_connections=100",
        };
        if (_temporary && !options.Durable)
            arguments.AddRange(["-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off"]);
        return Command("postgres", arguments);
    }

    public void RemoveIfTemporary()
    {
        if (_temporary && Directory.Exists(_folder))
            Directory.Delete(_folder, recursive: true);
    }

    private CaptiveCommand Command(string program, IReadOnlyList<string> arguments) =>
        new(Path.Combine(binaries, program), arguments) { Account = _account, WorkingDirectory = "/" };

    private async Task GiveAwayAsync(string folder)
    {
        if (_account is not null)
            await CaptiveProcess.RunAsync(new CaptiveCommand("chown", "-R", $"{_account.UserId}:{_account.GroupId}", folder), Bound);
    }

    private static string TemporaryFolder()
    {
        var parent = Path.GetTempPath();
        // The server's account cannot enter root's home, where TMPDIR may point.
        if (Environment.IsPrivilegedProcess && parent.StartsWith("/root", StringComparison.Ordinal))
            parent = "/var/tmp";
        return Path.Combine(parent, "quota-postgres-" + Guid.CreateVersion7(TimeProvider.System.GetUtcNow()).ToString("N"));
    }
}
