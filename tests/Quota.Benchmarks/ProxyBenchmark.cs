using Quota.TestKit;

namespace Quota.Benchmarks;

/// <summary>The demo provider direct, through bare YARP, and through the gateway with limits on three levels and the spool on; one run, in turn.</summary>
internal static class ProxyBenchmark
{
    private const string Key = "qk_bench_0123456789abcdef";
    /// <summary>How long an idle pool thread spins before it sleeps; set for the stand-ins, unset for the proxies.</summary>
    public const string SpinVariable = "DOTNET_ThreadPool_UnfairSemaphoreSpinLimit";

    private const int Rounds = 3;
    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(1);

    /// <summary>Once for each target: until then the just-in-time compiler is still at work beside it, on the same cores.</summary>
    private static readonly TimeSpan FirstWarmUp = TimeSpan.FromSeconds(15);

    public static async Task RunAsync(TimeSpan length, IReadOnlyList<int> connectionCounts)
    {
        var self = Environment.ProcessPath!;
        var (providerPort, yarpPort) = (FreePort.Next(), FreePort.Next());
        var asTheyAre = new Dictionary<string, string?> { [SpinVariable] = null };
        await using var provider = CaptiveProcess.Start(new CaptiveCommand(self, "provider", $"{providerPort}"));
        await using var yarp = CaptiveProcess.Start(new CaptiveCommand(self, "yarp", $"{yarpPort}", $"http://127.0.0.1:{providerPort}") { Environment = asTheyAre });
        await using var redis = await RedisServer.StartAsync();
        await using var gateway = await GatewayProcess.StartAsync(Yaml(providerPort), redis, asTheyAre);
        await Eventually.TrueAsync("the others listen", () => FreePort.IsTaken(providerPort) && FreePort.IsTaken(yarpPort));

        var body = "{\"model\":\"gpt-4o-mini\",\"max_completion_tokens\":64,\"messages\":[{\"role\":\"user\",\"content\":\"" + string.Join(' ', Enumerable.Repeat("word", 200)) + " reply:32\"}]}";
        var targets = new (string Name, int Port, string Key, CaptiveProcess Process)[]
        {
            ("provider direct", providerPort, FakeProvider.DefaultCredential, provider),
            ("bare YARP", yarpPort, FakeProvider.DefaultCredential, yarp),
            ("gateway, 3 limits, spool", new Uri(gateway.Url).Port, Key, gateway.Process),
        };
        Console.WriteLine($"{Environment.ProcessorCount} cores, {Rounds} rounds of {length.TotalSeconds:0} s each; load generator, Redis and provider run on the same cores.\n");
        Console.WriteLine("| | connections | req/s | p50 µs | p99 µs | errors | CPU µs a request | of bare YARP | added p50 µs |");
        Console.WriteLine("|---|---|---|---|---|---|---|---|---|");
        foreach (var (_, port, key, process) in targets)
            await Load.RunAsync(port, Load.Request(port, key, body), 32, FirstWarmUp, TimeSpan.FromSeconds(1), () => CpuOf(process));
        foreach (var connections in connectionCounts)
        {
            var results = targets.ToDictionary(target => target.Name, _ => new List<LoadResult>());
            for (var round = 0; round < Rounds; round++)
            {
                foreach (var (name, port, key, process) in targets)
                    results[name].Add(await Load.RunAsync(port, Load.Request(port, key, body), connections, WarmUp, length, () => CpuOf(process)));
            }
            Print(connections, targets.Select(target => target.Name), results);
        }
        Console.WriteLine($"\nEvents in the gateway's file: {gateway.Events().Count}");
    }

    /// <summary>Medians over the rounds; ratios are medians of each round's own ratio, since speed drifts from round to round.</summary>
    private static void Print(int connections, IEnumerable<string> names, Dictionary<string, List<LoadResult>> results)
    {
        var bare = results["bare YARP"];
        foreach (var name in names)
        {
            var rounds = results[name];
            var ratio = Median(rounds.Zip(bare, (it, yarp) => it.PerSecond / yarp.PerSecond));
            var added = Median(rounds.Zip(bare, (it, yarp) => it.P50 - yarp.P50));
            Console.WriteLine($"| {name} | {connections} | {Median(rounds.Select(it => it.PerSecond)):0} | {Median(rounds.Select(it => it.P50)):0} | {Median(rounds.Select(it => it.P99)):0} | {rounds.Sum(it => it.Errors)} | {Median(rounds.Select(it => it.CpuMicros)):0} | {ratio:0.00} | {added:0} |");
        }
    }

    /// <summary>User and system time that a process has used so far.</summary>
    private static TimeSpan CpuOf(CaptiveProcess process) => System.Diagnostics.Process.GetProcessById(process.Pid).TotalProcessorTime;

    private static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        return sorted[sorted.Length / 2];
    }

    private static string Yaml(int providerPort) => $$"""
        upstreams:
          openai: { protocol: openai, base_url: "http://127.0.0.1:{{providerPort}}", credential: { env: {{GatewayProcess.CredentialVariable}} }, models: ["gpt-*"] }
        orgs:
          acme: { teams: { research: { users: [ada] } } }
        keys:
          - { name: bench, secret: {{Key}}, scope: acme/research/ada }
        limits:
          - { code: org-month, scope: acme, meter: spend, amount: "1000000", window: { kind: month }, mode: hard }
          - { code: team-month, scope: acme/research, meter: spend, amount: "500000", window: { kind: month }, mode: hard }
          - { code: user-rpm, scope: acme/research/ada, meter: requests, amount: "100000000", window: { kind: rate, every: minute }, mode: hard }
        prices:
          models:
            gpt-4o-mini: { provider: openai, input: "0.15", cached_input: "0.075", output: "0.60", max_input_tokens: 128000, max_output_tokens: 16384 }
        """;
}
