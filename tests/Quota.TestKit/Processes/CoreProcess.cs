using System.Net;

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

    /// <summary>Starts one on a fresh database, collecting through this Stripe stand-in, and points the stand-in's webhooks at it.</summary>
    public static async Task<CoreProcess> StartAsync(PostgresServer postgres, FakeStripe stripe, FakeStripeOptions stripeOptions)
    {
        var database = $"core_{Guid.CreateVersion7(TimeProvider.System.GetUtcNow()):N}";
        await postgres.CreateDatabaseAsync(database);
        var core = new CoreProcess($"http://127.0.0.1:{FreePort.Next()}", new Dictionary<string, string?>
        {
            ["ConnectionStrings__Postgres"] = postgres.ConnectionString(database),
            ["Gateways__Tokens__0"] = GatewayToken,
            ["Bootstrap__AdminKey"] = AdminKey,
            ["Stripe__ApiKey"] = stripe.ApiKey,
            ["Stripe__ApiBase"] = stripe.BaseUrl,
            ["Stripe__WebhookSecret"] = stripeOptions.WebhookSecret,
            ["TestClock__Enabled"] = "true",
            ["Logging__LogLevel__Microsoft.AspNetCore"] = "Warning",
        });
        core._environment["Urls"] = core.Url;
        stripe.Webhooks.Url = core.Url + "/webhooks/stripe";
        await core.StartAgainAsync();
        return core;
    }

    /// <summary>Starts it again on its database; kills it first if it still runs.</summary>
    public async Task StartAgainAsync()
    {
        if (_process is not null)
        {
            _process.Kill();
            await _process.DisposeAsync();
        }
        _process = CaptiveProcess.Start(new CaptiveCommand("dotnet", Repository.Assembly("Quota.Billing")) { Environment = _environment });
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
