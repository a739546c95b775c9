using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Npgsql;
using Quota.TestKit;

[assembly: AssemblyFixture(typeof(Quota.Billing.Tests.TestPostgres))]

namespace Quota.Billing.Tests;

/// <summary>
/// The real billing core, built by its own <c>Program</c> and hosted in this process on a free port, over a database of its own on
/// the test run's PostgreSQL. A test class that may share one takes it as a <c>IClassFixture&lt;SharedBillingApp&gt;</c>.
/// </summary>
public sealed class BillingApp : IAsyncDisposable
{
    public const string AdminKey = "qa_admin-of-the-tests-0123456789";
    public const string GatewayToken = "qg_gateway-of-the-tests-0123456789";

    private WebApplication _app = null!;

    private BillingApp(string connectionString, IReadOnlyDictionary<string, string?> settings) =>
        (ConnectionString, Settings) = (connectionString, settings);

    public string ConnectionString { get; }

    public IReadOnlyDictionary<string, string?> Settings { get; }

    /// <summary>Where it listens, without a slash at the end.</summary>
    public string Url => _app.Urls.First();

    public IServiceProvider Services => _app.Services;

    /// <summary>Sends the admin key.</summary>
    public HttpClient Admin { get; private set; } = null!;

    /// <summary>Sends a gateway's token.</summary>
    public HttpClient Gateway { get; private set; } = null!;

    /// <summary>Sends no key.</summary>
    public HttpClient Anonymous { get; private set; } = null!;

    /// <param name="settings">Beside or instead of the usual ones, with colons: <c>Stripe:ApiBase</c>. A null value removes one.</param>
    /// <param name="connectionString">An existing database; a new one when absent.</param>
    public static async Task<BillingApp> StartAsync(IReadOnlyDictionary<string, string?>? settings = null, string? connectionString = null)
    {
        var app = new BillingApp(connectionString ?? await TestPostgres.NewDatabaseAsync(), settings ?? new Dictionary<string, string?>());
        await app.StartAgainAsync();
        return app;
    }

    /// <summary>Stops and starts on the same database, as a restarted process would.</summary>
    public async Task RestartAsync()
    {
        await StopAsync();
        await StartAgainAsync();
    }

    public async Task<NpgsqlConnection> OpenAsync()
    {
        var connection = new NpgsqlConnection(ConnectionString);
        await connection.OpenAsync();
        return connection;
    }

    /// <summary>The first column of the first row, for counting what is in the database.</summary>
    public async Task<T> ScalarAsync<T>(string sql)
    {
        await using var connection = await OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        return (T)(await command.ExecuteScalarAsync())!;
    }

    /// <summary>Arguments for <see cref="Program.Build"/> as a command line gives them.</summary>
    public static string[] Arguments(string? connectionString, IReadOnlyDictionary<string, string?> settings)
    {
        var all = new Dictionary<string, string?>
        {
            ["urls"] = "http://127.0.0.1:0",
            ["ConnectionStrings:Postgres"] = connectionString,
            ["Bootstrap:AdminKey"] = AdminKey,
            ["Gateways:Tokens:0"] = GatewayToken,
            ["TestClock:Enabled"] = "true",
            ["Logging:LogLevel:Default"] = "Warning",
        };
        foreach (var (name, value) in settings)
            all[name] = value;
        return [.. all.Where(pair => pair.Value is not null).Select(pair => $"--{pair.Key}={pair.Value}")];
    }

    /// <summary>Connections of tests that are over would be kept for minutes, and the server has a hundred or so.</summary>
    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        await using var connection = new NpgsqlConnection(ConnectionString);
        NpgsqlConnection.ClearPool(connection);
    }

    private async Task StartAgainAsync()
    {
        _app = Program.Build(Arguments(ConnectionString, Settings));
        try
        {
            await _app.StartAsync();
        }
        catch
        {
            await _app.DisposeAsync();
            throw;
        }
        (Admin, Gateway, Anonymous) = (Client(AdminKey), Client(GatewayToken), Client(null));
    }

    private async Task StopAsync()
    {
        foreach (var client in new[] { Admin, Gateway, Anonymous })
            client?.Dispose();
        await _app.StopAsync();
        await _app.DisposeAsync();
    }

    private HttpClient Client(string? key)
    {
        var client = new HttpClient { BaseAddress = new Uri(Url), Timeout = TimeSpan.FromSeconds(60) };
        if (key is not null)
            client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
        return client;
    }
}

/// <summary>One app for all tests of a class.</summary>
public sealed class SharedBillingApp : IAsyncLifetime
{
    public BillingApp App { get; private set; } = null!;

    public async ValueTask InitializeAsync() => App = await BillingApp.StartAsync();

    public ValueTask DisposeAsync() => App.DisposeAsync();
}

/// <summary>The PostgreSQL of the whole test run, started when the first test asks for it.</summary>
public sealed class TestPostgres : IAsyncLifetime
{
    private static readonly SemaphoreSlim OneStart = new(1, 1);
    private static PostgresServer? s_server;
    private static int s_databases;

    /// <summary>The connection string of a new, empty database.</summary>
    public static async Task<string> NewDatabaseAsync()
    {
        await OneStart.WaitAsync();
        try
        {
            s_server ??= await PostgresServer.StartAsync();
        }
        finally
        {
            OneStart.Release();
        }
        return await s_server.CreateDatabaseAsync($"billing_{Interlocked.Increment(ref s_databases)}");
    }

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        if (s_server is not null)
            await s_server.DisposeAsync();
    }
}

/// <summary>Requests and answers as JSON, for tests that read like the conversation they test.</summary>
public static class JsonConversation
{
    /// <summary>Sends a body (an object to serialise, or JSON text) and reads the answer.</summary>
    public static async Task<JsonAnswer> SendAsync(this HttpClient client, HttpMethod method, string path, object? body = null)
    {
        using var request = new HttpRequestMessage(method, path);
        if (body is string text)
            request.Content = new StringContent(text, System.Text.Encoding.UTF8, "application/json");
        else if (body is not null)
            request.Content = JsonContent.Create(body);
        using var response = await client.SendAsync(request);
        var answer = await response.Content.ReadAsStringAsync();
        return new JsonAnswer((int)response.StatusCode, answer, answer.StartsWith('{') ? JsonElement.Parse(answer) : default)
        {
            RetryAfter = response.Headers.RetryAfter?.Delta,
        };
    }

    public static Task<JsonAnswer> GetAsync(this BillingApp app, string path) => app.Admin.SendAsync(HttpMethod.Get, path);

    public static Task<JsonAnswer> PostAsync(this BillingApp app, string path, object body) => app.Admin.SendAsync(HttpMethod.Post, path, body);

    public static Task<JsonAnswer> PutAsync(this BillingApp app, string path, object body) => app.Admin.SendAsync(HttpMethod.Put, path, body);

    public static Task<JsonAnswer> DeleteAsync(this BillingApp app, string path) => app.Admin.SendAsync(HttpMethod.Delete, path);
}

/// <summary>A status and a JSON body; <see cref="this[string]"/> follows a path such as <c>customer.billing_configuration</c>.</summary>
public sealed record JsonAnswer(int Status, string Text, JsonElement Json)
{
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>The element at a path of names and list positions; undefined when there is none.</summary>
    public JsonElement this[string path]
    {
        get
        {
            var element = Json;
            foreach (var name in path.Split('.'))
            {
                if (element.ValueKind == JsonValueKind.Array && int.TryParse(name, out var index) && index < element.GetArrayLength())
                    element = element[index];
                else if (element.ValueKind != JsonValueKind.Object || !element.TryGetProperty(name, out element))
                    return default;
            }
            return element;
        }
    }

    /// <summary>The text at a path; a number or flag as JSON writes it; null when there is none or it is null.</summary>
    public string? At(string path) => this[path] is { ValueKind: not (JsonValueKind.Undefined or JsonValueKind.Null) } found ? found.ToString() : null;

    /// <summary>The first text in the list under a name that holds dots itself, such as <c>window.kind</c> in <c>error_details</c>.</summary>
    public string? At(string path, string name) =>
        this[path] is { ValueKind: JsonValueKind.Object } found && found.TryGetProperty(name, out var list) ? list[0].GetString() : null;

    /// <summary>Fails with the whole body unless the status is this one.</summary>
    public JsonAnswer ShouldBe(int status)
    {
        Status.ShouldBe(status, Text);
        return this;
    }
}
