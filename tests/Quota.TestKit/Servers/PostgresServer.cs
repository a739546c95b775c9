using System.Runtime.InteropServices;
using Npgsql;

namespace Quota.TestKit;

/// <summary>
/// A real PostgreSQL server on 127.0.0.1, started from installed binaries in about a second. PostgreSQL refuses root, so as root it
/// runs as <c>postgres</c> (else <c>nobody</c>). A server without a kept folder does not sync to disk: it is for tests.
/// </summary>
public sealed class PostgresServer : IAsyncDisposable
{
    private readonly PostgresOptions _options;
    private readonly PostgresCluster _cluster;
    private CaptiveProcess? _process;

    private PostgresServer(PostgresOptions options, PostgresCluster cluster) => (_options, _cluster) = (options, cluster);

    /// <summary>Its port on 127.0.0.1.</summary>
    public int Port { get; private set; }

    /// <summary>The child, for crash tests.</summary>
    public CaptiveProcess Process => _process ?? throw new InvalidOperationException("Not started.");

    /// <summary>Makes the cluster if there is none, starts the server and waits until it takes connections.</summary>
    public static async Task<PostgresServer> StartAsync(PostgresOptions? options = null)
    {
        options ??= new PostgresOptions();
        var binaries = options.Binaries ?? PostgresBinaries.Find()
            ?? throw new InvalidOperationException(
                $"PostgreSQL is not installed: apt-get install postgresql, or name a folder with its binaries in {PostgresBinaries.Variable}");
        var server = new PostgresServer(options, new PostgresCluster(binaries, options));
        try
        {
            await server._cluster.EnsureAsync();
            await server.StartAgainAsync();
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>For Npgsql. The database need not exist yet.</summary>
    public string ConnectionString(string database = "postgres") => new NpgsqlConnectionStringBuilder
    {
        Host = "127.0.0.1",
        Port = Port,
        Username = "postgres",
        Password = _options.Password,
        Database = database,
        // A test that forgets a connection shall fail at once, not wait out the default of 15 s per attempt.
        Timeout = 5,
        MaxPoolSize = 20,
    }.ConnectionString;

    /// <summary>Makes an empty database, unless it is there, and returns its connection string. Lower-case letters, digits and _ only.</summary>
    public async Task<string> CreateDatabaseAsync(string name)
    {
        if (name.Length is 0 or > 63 || !name.All(c => c is >= 'a' and <= 'z' or >= '0' and <= '9' or '_'))
            throw new ArgumentException($"Not a database name: {name}", nameof(name));
        await using var connection = new NpgsqlConnection(WithoutPool());
        await connection.OpenAsync();
        await using var exists = new NpgsqlCommand("select 1 from pg_database where datname = $1", connection)
        {
            Parameters = { new() { Value = name } },
        };
        if (await exists.ExecuteScalarAsync() is null)
        {
            // The strategy copies the template's files instead of logging each page: 20 ms instead of 60.
            await using var create = new NpgsqlCommand($"create database {name} template template0 strategy file_copy", connection);
            await create.ExecuteNonQueryAsync();
        }

        return ConnectionString(name);
    }

    /// <summary>Starts it again on the same port and cluster, after a stop or kill of <see cref="Process"/>.</summary>
    /// <remarks>A killed server's children live on for a moment, and no other starts on their data meanwhile: so it is tried for a while.</remarks>
    public async Task StartAgainAsync()
    {
        var (isFirst, attempts) = (_process is null, _process is null ? 3 : 50);
        for (var attempt = 0; attempt < attempts; attempt++)
        {
            if (_process is not null)
                await _process.DisposeAsync();
            Port = Port != 0 ? Port : _options.Port != 0 ? _options.Port : FreePort.Next();
            _process = CaptiveProcess.Start(_cluster.ServerCommand(Port) with { StopSignal = PosixSignal.SIGINT });
            await Eventually.TrueAsync(
                "PostgreSQL takes connections", async () => _process.HasExited || await AnswersAsync(), detail: () => _process.Output);
            if (!_process.HasExited)
                return;
            if (isFirst)
                Port = 0;
            else
                await Task.Delay(100);
        }

        throw new InvalidOperationException($"PostgreSQL did not start:{Environment.NewLine}{Process.Output}");
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_process is not null)
            await _process.DisposeAsync();
        _cluster.RemoveIfTemporary();
    }

    private string WithoutPool() => new NpgsqlConnectionStringBuilder(ConnectionString()) { Pooling = false }.ConnectionString;

    private async Task<bool> AnswersAsync()
    {
        try
        {
            await using var connection = new NpgsqlConnection(WithoutPool());
            await connection.OpenAsync();
            return true;
        }
        catch (NpgsqlException error) when (error.SqlState is not PostgresErrorCodes.InvalidPassword)
        {
            return false;
        }
    }
}
