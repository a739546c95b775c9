using System.Net;
using Npgsql;

namespace Quota.TestKit;

/// <summary>The built billing core as a child process on a fixed free port, with a database of its own. Disposing stops it.</summary>
public sealed class CoreProcess : IAsyncDisposable
{
    /// <summary>Its first admin key.</summary>
    public const string AdminKey = "admin_standin_0123456789abcdef";

    /// <summary>What it takes from gateways.</summary>
    public const string GatewayToken = "gateway_standin_0123456789abcdef";

    private readonly Dictionary<string, string?> _environment;
    private CaptiveProcess? _process;

    private CoreProcess(string url, Dictionary<string, string?> environment) => (Url, _environment) = (url, environment);

    /// <summary>Without a trailing slash; stays the same over restarts.</summary>
    public string Url { get; }

    /// <summary>The child.</summary>
    public CaptiveProcess Process => _process ?? throw new InvalidOperationException("Not started.");

    /// <summary>For Npgsql: its database, past any wire.</summary>
    public string Database { get; private init; } = "";

    /// <summary>Starts one on a fresh database, collecting through this Stripe stand-in, and points the stand-in's webhooks at it.</summary>
    /// <param name="databasePort">Of a wire that leads to the database; 0 goes straight to it.</param>
    /// <param name="settings">Further settings.</param>
    public static async Task<CoreProcess> StartAsync(PostgresServer postgres, FakeStripe stripe, FakeStripeOptions stripeOptions, int databasePort = 0, IReadOnlyDictionary<string, string?>? settings = null)
    {
        var direct = await postgres.CreateDatabaseAsync($"core_{Guid.CreateVersion7(TimeProvider.System.GetUtcNow()):N}");
        var core = new CoreProcess($"http://127.0.0.1:{FreePort.Next()}", new Dictionary<string, string?>
        {
            ["ConnectionStrings__Postgres"] = databasePort == 0 ? direct : new NpgsqlConnectionStringBuilder(direct) { Port = databasePort }.ConnectionString,
            ["Gateways__Tokens__0"] = GatewayToken,
            ["Bootstrap__AdminKey"] = AdminKey,
            ["Stripe__ApiKey"] = stripe.ApiKey,
            ["Stripe__ApiBase"] = stripe.BaseUrl,
            ["Stripe__WebhookSecret"] = stripeOptions.WebhookSecret,
            ["TestClock__Enabled"] = "true",
            ["Logging__LogLevel__Microsoft.AspNetCore"] = "Warning",
        })
        {
            Database = direct,
        };
        foreach (var (name, value) in settings ?? new Dictionary<string, string?>())
            core._environment[name] = value;
        core._environment["Urls"] = core.Url;
        stripe.Webhooks.Url = core.Url + "/webhooks/stripe";
        await core.StartAgainAsync();
        return core;
    }

    /// <summary>Starts it again on its database; kills it first if it still runs.</summary>
    public async Task StartAgainAsync(bool waitUntilReady = true)
    {
        if (_process is not null)
        {
            _process.Kill();
            await _process.DisposeAsync();
        }
        _process = CaptiveProcess.Start(new CaptiveCommand("dotnet", Repository.Assembly("Quota.Billing")) { Environment = _environment });
        if (waitUntilReady)
            await Eventually.TrueAsync("the core is ready", IsReadyAsync, detail: () => _process.Output);
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _process?.DisposeAsync() ?? ValueTask.CompletedTask;

    private async Task<bool> IsReadyAsync()
    {
        if (Process.HasExited)
            throw new InvalidOperationException($"the core ended with code {Process.ExitCode}:{Environment.NewLine}{Process.Output}");
        using var http = new HttpClient();
        try
        {
            using var answer = await http.GetAsync(Url + "/readyz");
            return answer.StatusCode == HttpStatusCode.OK;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }
}
