using System.Runtime.InteropServices;
using Quota.Local.Seeding;
using Quota.TestKit;
using Spectre.Console;

namespace Quota.Local.Running;

/// <summary>
/// The whole product on one machine. Parts are started in the order in which they need each other and stopped in the reverse order:
/// the gateway first, so that its spool drains into a core that is still there.
/// </summary>
internal sealed class Product : IAsyncDisposable
{
    private readonly Stack<IAsyncDisposable> _started = new();
    private readonly List<ChildApp> _children = [];

    /// <summary>Runs until a signal comes (0) or a part ends by itself (throws).</summary>
    public static async Task<int> RunAsync(UpOptions options, CancellationToken cancelled)
    {
        using var stopping = CancellationTokenSource.CreateLinkedTokenSource(cancelled);
        using var hangup = PosixSignalRegistration.Create(PosixSignal.SIGHUP, signal => Stop(signal, stopping));
        using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, signal => Stop(signal, stopping));
        using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, signal => Stop(signal, stopping));
        using var data = new DataFolder(options.Data);
        data.Lock(options.Ports.Base);
        await using var product = new Product();
        try
        {
            await product.StartAsync(options, data, stopping.Token);
            await product.WaitAsync(stopping.Token);
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            // Asked to stop: dispose in order, as after a wait.
        }

        AnsiConsole.MarkupLine("[grey]stopping[/]");
        return 0;
    }

    public async ValueTask DisposeAsync()
    {
        while (_started.TryPop(out var part))
            await part.DisposeAsync();
    }

    private static void Stop(PosixSignalContext signal, CancellationTokenSource stopping)
    {
        signal.Cancel = true;
        stopping.Cancel();
    }

    private async Task StartAsync(UpOptions options, DataFolder data, CancellationToken stopping)
    {
        var (ports, secrets) = (options.Ports, Secrets.LoadOrMake(data.SecretsFile));
        ports.Check(ownStore: options.Redis is null);
        AppSettings.WriteQuotaFile(ports, data);

        var postgres = await AddAsync("PostgreSQL",
            () => StartPostgresAsync(ports, secrets, data), p => $"127.0.0.1:{p.Port}, data in {data.Postgres}");
        var store = await AddAsync("store", () => Store.StartAsync(options.Redis, ports.Redis), s => s.Description);
        await AddAsync("model provider", () => FakeProvider.StartAsync(ports.Provider, secrets.ProviderCredential), p => p.BaseUrl);
        var stripe = await AddAsync("Stripe stand-in", () => StartStripeAsync(ports, secrets, data), s => s.BaseUrl);
        stopping.ThrowIfCancellationRequested();

        var core = AppSettings.Core(ports, secrets, await postgres.CreateDatabaseAsync("quota"));
        _children.Add(await AddAsync("billing core",
            () => ChildApp.StartAsync("billing core", "Quota.Billing", Ports.Url(ports.Core) + "/readyz", data.Logs, core, stopping),
            _ => Ports.Url(ports.Core)));
        secrets = await new DemoOrg(new Uri(Ports.Url(ports.Core)), stripe, data.SecretsFile).SeedAsync(secrets);
        _children.Add(await AddAsync("gateway",
            () => ChildApp.StartAsync("gateway", "Quota.Gateway", Ports.Url(ports.Admin) + "/readyz", data.Logs,
                AppSettings.Gateway(ports, secrets, store.ConnectionString, data), stopping), _ => Ports.Url(ports.Gateway)));
        Banner.Print(ports, secrets, data);
    }

    private static async Task<PostgresServer> StartPostgresAsync(Ports ports, Secrets secrets, DataFolder data) =>
        await PostgresServer.StartAsync(new PostgresOptions
        {
            DataFolder = data.Postgres,
            Port = ports.Postgres,
            Password = secrets.PostgresPassword,
            Binaries = await PostgresInstaller.EnsureAsync(data.Postgres),
        });

    private static Task<FakeStripe> StartStripeAsync(Ports ports, Secrets secrets, DataFolder data) => FakeStripe.StartAsync(new FakeStripeOptions
    {
        Port = ports.Stripe,
        ApiKey = secrets.StripeKey,
        WebhookSecret = secrets.WebhookSecret,
        WebhookUrl = Ports.Url(ports.Core) + "/webhooks/stripe",
        StatePath = data.StripeFile,
    });

    private async Task<T> AddAsync<T>(string name, Func<Task<T>> start, Func<T, string> where) where T : IAsyncDisposable
    {
        var part = await StepPrinter.StepAsync(name, start, where);
        _started.Push(part);
        return part;
    }

    private async Task WaitAsync(CancellationToken stopping)
    {
        var ended = await Task.WhenAny([.. _children.Select(c => c.Process.Exited), Task.Delay(Timeout.Infinite, stopping)]);
        await ended;
        if (_children.FirstOrDefault(c => c.Process.HasExited) is { } child)
            throw new LocalError($"The {child.Name} ended by itself with code {child.Process.ExitCode}:{Environment.NewLine}{child.Process.Output}");
    }
}
