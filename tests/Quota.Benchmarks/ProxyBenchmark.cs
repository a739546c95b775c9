using Quota.TestKit;

namespace Quota.Benchmarks;

/// <summary>
/// The demo provider direct, through proxies that do nothing else, and through the gateway with limits on three levels and the spool
/// on; one run, in turn.
/// </summary>
internal sealed class ProxyBenchmark : IAsyncDisposable
{
    /// <summary>How long an idle pool thread spins before it sleeps; set for the stand-ins, unset for the proxies.</summary>
    public const string SpinVariable = "DOTNET_ThreadPool_UnfairSemaphoreSpinLimit";

    private const string Bare = "bare YARP (IHttpForwarder)";
    private const int Rounds = 3;
    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(1);
    private static readonly Dictionary<string, string?> AsTheyAre = new() { [SpinVariable] = null };

    private readonly List<Target> _targets = [];
    private readonly Stack<IAsyncDisposable> _started = new();

    public static async Task RunAsync(TimeSpan length, IReadOnlyList<int> connectionCounts, string only)
    {
        await using var benchmark = new ProxyBenchmark();
        await benchmark.StartAsync(only);
        await benchmark.MeasureAsync(length, connectionCounts);
    }

    public async ValueTask DisposeAsync()
    {
        while (_started.TryPop(out var it))
            await it.DisposeAsync();
    }

    private async Task StartAsync(string only)
    {
        var providerPort = FreePort.Next();
        var upstream = $"http://127.0.0.1:{providerPort}";
        var provider = await ChildAsync(providerPort, "provider");
        bool Wanted(string name) => name == Bare || name.Contains(only, StringComparison.OrdinalIgnoreCase);

        if (Wanted("provider direct"))
            _targets.Add(new("provider direct", providerPort, FakeProvider.DefaultCredential, [provider]));
        var redis = Keep(await RedisServer.StartAsync());
        foreach (var (name, words) in new (string, string[])[]
        {
            (Bare, ["forwarder", upstream]),
            ("bare YARP (MapReverseProxy)", ["routes", upstream]),
            ("YARP + one awaited EVALSHA", ["hop", upstream, redis.ConnectionString]),
        })
        {
            var port = FreePort.Next();
            if (Wanted(name))
                _targets.Add(new(name, port, FakeProvider.DefaultCredential, [await ChildAsync(port, words)]));
        }
        if (Wanted("nginx"))
        {
            if (await Nginx.StartAsync(providerPort) is { } nginx)
                _targets.Add(new("nginx", Keep(nginx).Port, FakeProvider.DefaultCredential, nginx.Processes));
            else
                Console.WriteLine("nginx is not installed (apt-get install nginx-light), so it is left out.\n");
        }
        foreach (var it in GatewayCase.All.Where(it => Wanted(it.Name)))
            await GatewayAsync(it, providerPort);
    }

    /// <summary>A Redis of its own for each: the same org's counters would meet there.</summary>
    private async Task GatewayAsync(GatewayCase it, int providerPort)
    {
        var redis = Keep(await RedisServer.StartAsync());
        try
        {
            var gateway = Keep(await GatewayProcess.StartAsync(it.Yaml(providerPort), redis, AsTheyAre));
            _targets.Add(new(it.Name, new Uri(gateway.Url).Port, GatewayCase.Key, [gateway.Process], gateway.AdminUrl + "/metrics"));
        }
        catch (InvalidOperationException problem)
        {
            Console.WriteLine($"{it.Name} is left out: {problem.Message}\n");
        }
    }

    private async Task MeasureAsync(TimeSpan length, IReadOnlyList<int> connectionCounts)
    {
        var body = "{\"model\":\"gpt-4o-mini\",\"max_completion_tokens\":64,\"messages\":[{\"role\":\"user\",\"content\":\"" + string.Join(' ', Enumerable.Repeat("word", 200)) + " reply:32\"}]}";
        // Once for each target: until then the just-in-time compiler is still at work beside it, on the same cores.
        var first = TimeSpan.FromSeconds(Math.Min(15, 3 * length.TotalSeconds));
        Console.WriteLine($"{Environment.ProcessorCount} cores, {Rounds} rounds of {length.TotalSeconds:0} s each after {first.TotalSeconds:0} s of warm-up; load generator, Redis and provider run on the same cores.\n");
        Console.WriteLine("| | connections | req/s | p50 µs | p99 µs | errors | CPU µs a request | bytes allocated a request | of bare YARP | added p50 µs |");
        Console.WriteLine("|---|---|---|---|---|---|---|---|---|---|");
        foreach (var target in _targets)
            await Load.RunAsync(target, body, 32, first, WarmUp);
        foreach (var connections in connectionCounts)
        {
            var results = _targets.ToDictionary(target => target.Name, _ => new List<LoadResult>());
            for (var round = 0; round < Rounds; round++)
            {
                foreach (var target in _targets)
                    results[target.Name].Add(await Load.RunAsync(target, body, connections, WarmUp, length));
            }
            Print(connections, results);
        }
    }

    /// <summary>Medians over the rounds; ratios are medians of each round's own ratio, since speed drifts from round to round.</summary>
    private void Print(int connections, Dictionary<string, List<LoadResult>> results)
    {
        var bare = results[Bare];
        foreach (var name in _targets.Select(target => target.Name))
        {
            var rounds = results[name];
            var ratio = Median(rounds.Zip(bare, (it, yarp) => it.PerSecond / yarp.PerSecond));
            var added = Median(rounds.Zip(bare, (it, yarp) => it.P50 - yarp.P50));
            var allocated = rounds[0].AllocatedBytes is null ? "" : $"{Median(rounds.Select(it => it.AllocatedBytes!.Value)):0}";
            Console.WriteLine($"| {name} | {connections} | {Median(rounds.Select(it => it.PerSecond)):0} | {Median(rounds.Select(it => it.P50)):0} | {Median(rounds.Select(it => it.P99)):0} | {rounds.Sum(it => it.Errors)} | {Median(rounds.Select(it => it.CpuMicros)):0} | {allocated} | {ratio:0.00} | {added:0} |");
        }
    }

    /// <summary>This program again, in the role that the first word names; returns when it listens.</summary>
    private async Task<CaptiveProcess> ChildAsync(int port, params string[] words)
    {
        var environment = words[0] == "provider" ? [] : AsTheyAre;
        var child = Keep(CaptiveProcess.Start(new CaptiveCommand(Environment.ProcessPath!, [words[0], $"{port}", .. words[1..]]) { Environment = environment }));
        await Eventually.TrueAsync($"{words[0]} listens", () => FreePort.IsTaken(port), detail: () => child.Output);
        return child;
    }

    private T Keep<T>(T it) where T : IAsyncDisposable
    {
        _started.Push(it);
        return it;
    }

    private static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        return sorted[sorted.Length / 2];
    }
}
