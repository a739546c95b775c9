using System.Globalization;
using System.Text.Json;
using Quota.TestKit;

namespace Quota.EndToEnd.Tests.NothingLost;

/// <summary>A limit as a gateway says it stands, in its own units; money in nano-units.</summary>
internal sealed record Standing(string Code, string Scope, string Meter, decimal Used, decimal Held, decimal Over);

/// <summary>A gateway, the wires to its neighbours, and its admin port, which nothing befalls.</summary>
internal sealed class WiredGateway : IAsyncDisposable
{
    private static readonly HttpClient Http = new(new SocketsHttpHandler { UseProxy = false }) { Timeout = TimeSpan.FromSeconds(10) };

    private FaultyWire? _toClients, _toProvider, _toStore, _toCore;

    private WiredGateway(int number) => Number = number;

    public int Number { get; }

    public GatewayProcess Process { get; private set; } = null!;

    /// <summary>Where clients call.</summary>
    public string Url => _toClients is { } wire ? $"http://127.0.0.1:{wire.Port}" : Process.Url;

    public IEnumerable<(string Name, FaultyWire Wire)> Wires => _toClients is null
        ? [] : [("client-gateway", _toClients), ("gateway-provider", _toProvider!), ("gateway-store", _toStore!), ("gateway-core", _toCore!)];

    public static async Task<WiredGateway> StartAsync(int number, WiredPlan plan, WiredProduct product)
    {
        var gateway = new WiredGateway(number);
        var (provider, store, core) = (new Uri(product.Provider.BaseUrl).Port, product.Redis.Port, new Uri(product.Core.Url).Port);
        if (plan.IsWired)
        {
            var seed = plan.Seed + 10 * (number + 1);
            (gateway._toProvider, gateway._toStore, gateway._toCore) = (new FaultyWire(provider, seed + 1), new FaultyWire(store, seed + 2), new FaultyWire(core, seed + 3));
            (provider, store, core) = (gateway._toProvider.Port, gateway._toStore.Port, gateway._toCore.Port);
        }
        gateway.Process = await GatewayProcess.StartAsync(GatewayProcess.Upstream($"http://127.0.0.1:{provider}"), $"127.0.0.1:{store}", new Dictionary<string, string?>(plan.Settings)
        {
            ["ControlPlane__Url"] = $"http://127.0.0.1:{core}",
            ["ControlPlane__Token"] = CoreProcess.GatewayToken,
            ["Limits__HoldDeadline"] = $"{WiredProduct.HoldDeadline.TotalMilliseconds}ms",
            ["Upstream__Timeout"] = "5s",
            ["Upstream__DrainTime"] = "2s",
        });
        if (plan.IsWired)
            gateway._toClients = new FaultyWire(new Uri(gateway.Process.Url).Port, plan.Seed + 10 * (number + 1) + 4);
        return gateway;
    }

    /// <summary>Starts it on its folder, killed before if it still runs.</summary>
    public async Task StartAgainAsync(bool waitUntilReady = true)
    {
        await Process.StartAgainAsync(waitUntilReady);
        _toClients?.Target = new Uri(Process.Url).Port;
    }

    /// <summary>Calls that are begun and not yet settled; null while it cannot be asked.</summary>
    public async Task<long?> OpenCallsAsync()
    {
        try
        {
            var line = (await Http.GetStringAsync(Process.AdminUrl + "/metrics")).Split('\n').FirstOrDefault(line => line.StartsWith("quota_spool_open_calls", StringComparison.Ordinal));
            return line is null ? null : (long)double.Parse(line.Split(' ')[^2..].First(word => word.Length > 0 && char.IsDigit(word[0])), CultureInfo.InvariantCulture);
        }
        catch (Exception problem) when (problem is HttpRequestException or TaskCanceledException)
        {
            return null;
        }
    }

    /// <summary>Every limit as the admin port shows it; none while it cannot be asked.</summary>
    public async Task<IReadOnlyList<Standing>> LimitsAsync()
    {
        try
        {
            return [.. JsonElement.Parse(await Http.GetStringAsync(Process.AdminUrl + "/admin/limits")).GetProperty("limits").EnumerateArray().Select(Read)];
        }
        catch (Exception problem) when (problem is HttpRequestException or TaskCanceledException)
        {
            return [];
        }
    }

    /// <summary>Resident memory in MB, as the kernel counts it.</summary>
    public double ResidentMegabytes() =>
        double.Parse(File.ReadLines($"/proc/{Process.Process.Pid}/status").First(line => line.StartsWith("VmRSS:", StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) / 1024;

    public async ValueTask DisposeAsync()
    {
        await Process.DisposeAsync();
        foreach (var (_, wire) in Wires)
            await wire.DisposeAsync();
    }

    private static Standing Read(JsonElement limit)
    {
        var unit = limit.TryGetProperty("currency", out _) ? 1_000_000_000m : 1;
        decimal Number(string field) => decimal.Parse(limit.GetProperty(field).GetString()!, CultureInfo.InvariantCulture) * unit;
        string Text(string field) => limit.GetProperty(field).GetString()!;
        return new Standing(Text("limit"), Text("scope"), Text("meter"), Number("used"), Number("held"), Number("over"));
    }
}
