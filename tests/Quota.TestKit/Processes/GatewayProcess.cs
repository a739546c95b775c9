using System.Net;
using System.Text.Json;

namespace Quota.TestKit;

/// <summary>The built gateway as a child process on free ports. Disposing stops it and removes its folder.</summary>
public sealed class GatewayProcess : IAsyncDisposable
{
    /// <summary>Environment variable that <see cref="Upstream"/> lines name for the provider's credential.</summary>
    public const string CredentialVariable = "STANDIN_PROVIDER_KEY";

    private readonly Dictionary<string, string?> _environment;
    private readonly string _assembly;
    private CaptiveProcess? _process;

    private GatewayProcess(Dictionary<string, string?> environment, string assembly) => (_environment, _assembly) = (environment, assembly);

    /// <summary>Its folder: <c>quota.yaml</c>, and below it the spool.</summary>
    public DirectoryInfo Folder { get; } = Directory.CreateTempSubdirectory("quota-gateway-");

    /// <summary>Where <c>quota.yaml</c> lies.</summary>
    public string QuotaFile => Path.Combine(Folder.FullName, "quota.yaml");

    /// <summary>Where the spool lies.</summary>
    public string SpoolFolder => Path.Combine(Folder.FullName, "spool");

    /// <summary>The data port, without a trailing slash.</summary>
    public string Url { get; private set; } = "";

    /// <summary>The admin port, without a trailing slash.</summary>
    public string AdminUrl { get; private set; } = "";

    /// <summary>The child.</summary>
    public CaptiveProcess Process => _process ?? throw new InvalidOperationException("Not started.");

    /// <summary>Starts one with this <c>quota.yaml</c> and these settings, and waits until it is ready.</summary>
    public static Task<GatewayProcess> StartAsync(string quotaYaml, RedisServer redis, IReadOnlyDictionary<string, string?>? settings = null) =>
        StartAsync(quotaYaml, redis.ConnectionString, settings);

    /// <summary>The same, on the store that a connection string names: a <see cref="RedisCluster"/>'s, or a Garnet's.</summary>
    /// <param name="assembly">Another gateway than the built one, such as a copy with a planted fault.</param>
    public static async Task<GatewayProcess> StartAsync(string quotaYaml, string redis, IReadOnlyDictionary<string, string?>? settings = null, string? assembly = null)
    {
        var gateway = new GatewayProcess(new Dictionary<string, string?>(settings ?? new Dictionary<string, string?>()), assembly ?? Repository.Assembly("Quota.Gateway"));
        await File.WriteAllTextAsync(gateway.QuotaFile, quotaYaml);
        gateway._environment["ConnectionStrings__Redis"] = redis;
        gateway._environment["Quota__File"] = gateway.QuotaFile;
        gateway._environment["Spool__Directory"] = gateway.SpoolFolder;
        gateway._environment.TryAdd(CredentialVariable, FakeProvider.DefaultCredential);
        await gateway.StartAgainAsync();
        return gateway;
    }

    /// <summary>The upstreams of a <c>quota.yaml</c>: every <c>gpt-*</c> model goes to this provider.</summary>
    public static string Upstream(FakeProvider provider) => Upstream(provider.BaseUrl);

    /// <summary>The same, by its address or that of a wire to it.</summary>
    public static string Upstream(string baseUrl) =>
        $$"""
        upstreams:
          openai: { protocol: openai, base_url: "{{baseUrl}}", credential: { env: {{CredentialVariable}} }, models: ["gpt-*"] }

        """;

    /// <summary>Starts it again on its folder, on new ports; kills it first if it still runs.</summary>
    public async Task StartAgainAsync(bool waitUntilReady = true)
    {
        if (_process is not null)
        {
            _process.Kill();
            await _process.DisposeAsync();
        }
        Url = $"{(_environment.ContainsKey("Tls__Certificate") ? "https" : "http")}://127.0.0.1:{FreePort.Next()}";
        AdminUrl = $"http://127.0.0.1:{FreePort.Next()}";
        _environment["Urls"] = Url;
        _environment["Admin__Url"] = AdminUrl;
        _process = CaptiveProcess.Start(new CaptiveCommand("dotnet", _assembly) { Environment = _environment, WorkingDirectory = Folder.FullName });
        if (waitUntilReady)
            await Eventually.TrueAsync("the gateway is ready", IsReadyAsync, detail: () => _process.Output);
    }

    /// <summary>Sets a setting for the next start.</summary>
    public void Set(string name, string? value) => _environment[name] = value;

    /// <summary>The events that the file sink has written so far.</summary>
    public IReadOnlyList<JsonElement> Events()
    {
        var path = Path.Combine(SpoolFolder, "events.jsonl");
        if (!File.Exists(path))
            return [];
        var text = File.ReadAllText(path);
        return [.. text[..(text.LastIndexOf('\n') + 1)].Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonElement.Parse(line))];   // the last may be in the middle of being written
    }

    /// <summary>Waits until there are this many events; fails when there are more.</summary>
    public async Task<IReadOnlyList<JsonElement>> EventsAsync(int count)
    {
        await Eventually.TrueAsync($"{count} events are written", () => Events().Count >= count, detail: () => $"there are {Events().Count}\n{Process.Output}");
        var events = Events();
        return events.Count == count ? events : throw new InvalidOperationException($"{events.Count} events, not {count}");
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_process is not null)
            await _process.DisposeAsync();
        Folder.Delete(recursive: true);
    }

    private async Task<bool> IsReadyAsync()
    {
        if (Process.HasExited)
            throw new InvalidOperationException($"the gateway ended with code {Process.ExitCode}:{Environment.NewLine}{Process.Output}");
        using var http = new HttpClient();
        try
        {
            using var answer = await http.GetAsync(AdminUrl + "/readyz");
            return answer.StatusCode == HttpStatusCode.OK;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }
}
