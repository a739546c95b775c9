using System.Globalization;
using System.Net;
using System.Text.Json;
using Quota.TestKit;

namespace Quota.EndToEnd.Tests.Races;

/// <summary>One of the racing gateways, its wire to the store, and its admin port.</summary>
internal sealed class RaceGateway(int number, GatewayProcess process, StoreWire wire) : IAsyncDisposable
{
    private static readonly HttpClient Http = new(new SocketsHttpHandler { UseProxy = false }) { Timeout = TimeSpan.FromSeconds(10) };

    public int Number => number;

    public GatewayProcess Process => process;

    public StoreWire Wire => wire;

    public static async Task<RaceGateway> StartAsync(int number, string quotaYaml, RedisServer redis, IReadOnlyDictionary<string, string?> settings, string? assembly)
    {
        var wire = new StoreWire(redis.Port);
        return new RaceGateway(number, await GatewayProcess.StartAsync(quotaYaml, wire.ConnectionString, settings, assembly), wire);
    }

    /// <summary>Starts it on its folder; ready it is only once the store is believed again.</summary>
    public Task StartAgainAsync() => process.StartAgainAsync(waitUntilReady: false);

    /// <summary>Waits until it serves. Its new port may have been taken meanwhile by a connection of ours: then it is started once more.</summary>
    public Task ReadyAsync() => Eventually.TrueAsync("the gateway is ready", async () =>
    {
        if (process.Process.HasExited && process.Process.Output.Contains("address already in use", StringComparison.OrdinalIgnoreCase))
            await StartAgainAsync();
        if (process.Process.HasExited)
            throw new InvalidOperationException($"the gateway ended with code {process.Process.ExitCode}:{Environment.NewLine}{process.Process.Output}");
        return await StatusAsync(HttpMethod.Get, "/readyz") == HttpStatusCode.OK;
    }, TimeSpan.FromSeconds(60), () => process.Process.Output);

    /// <summary>Calls that are begun and not yet settled, as its metrics say; null while it cannot be asked.</summary>
    public async Task<long?> OpenCallsAsync()
    {
        try
        {
            var metrics = await Http.GetStringAsync(process.AdminUrl + "/metrics");
            var line = metrics.Split('\n').FirstOrDefault(line => line.StartsWith("quota_spool_open_calls", StringComparison.Ordinal));
            return line is null ? null : (long)double.Parse(line.Split(' ')[^2..].First(word => word.Length > 0 && char.IsDigit(word[0])), CultureInfo.InvariantCulture);
        }
        catch (Exception problem) when (problem is HttpRequestException or TaskCanceledException)
        {
            return null;
        }
    }

    /// <summary>Every limit as the admin port shows it.</summary>
    public async Task<IReadOnlyList<RaceStanding>> LimitsAsync()
    {
        var answer = JsonElement.Parse(await Http.GetStringAsync(process.AdminUrl + "/admin/limits"));
        return [.. answer.GetProperty("limits").EnumerateArray().Select(RaceStanding.Read)];
    }

    /// <summary>POST without a body.</summary>
    public async Task<(HttpStatusCode Status, string Body)> PostAsync(string path)
    {
        using var answer = await Http.PostAsync(process.AdminUrl + path, null);
        return (answer.StatusCode, await answer.Content.ReadAsStringAsync());
    }

    /// <summary>The lines of its event file that are whole; a kill may have left half a line, whose event was then written again.</summary>
    public IReadOnlyList<string> EventLines()
    {
        var path = Path.Combine(process.SpoolFolder, "events.jsonl");
        return File.Exists(path) ? [.. File.ReadAllLines(path).Where(line => line.StartsWith('{') && line.EndsWith('}'))] : [];
    }

    public async ValueTask DisposeAsync()
    {
        await process.DisposeAsync();
        await wire.DisposeAsync();
    }

    private async Task<HttpStatusCode?> StatusAsync(HttpMethod method, string path)
    {
        try
        {
            using var request = new HttpRequestMessage(method, process.AdminUrl + path);
            using var answer = await Http.SendAsync(request);
            return answer.StatusCode;
        }
        catch (Exception problem) when (problem is HttpRequestException or TaskCanceledException)
        {
            return null;
        }
    }
}

/// <summary>A limit as a gateway says it stands: money in nano-units.</summary>
/// <param name="Counter">The counter's id in its window of now.</param>
internal sealed record RaceStanding(string Code, string Counter, decimal Amount, decimal Used, decimal Held, decimal Over)
{
    public static RaceStanding Read(JsonElement limit)
    {
        var unit = limit.TryGetProperty("currency", out _) ? 1_000_000_000m : 1;
        decimal Number(string field) => decimal.Parse(limit.GetProperty(field).GetString()!, CultureInfo.InvariantCulture) * unit;
        return new RaceStanding(limit.GetProperty("limit").GetString()!, limit.GetProperty("counter").GetString()!, Number("amount"), Number("used"), Number("held"), Number("over"));
    }
}
