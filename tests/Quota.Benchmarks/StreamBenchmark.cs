using System.Globalization;
using Quota.TestKit;

namespace Quota.Benchmarks;

/// <summary>
/// Three questions about streams, each answered beside bare YARP in one run: what reading usage costs, how much later the first token comes, and
/// whether 512 paced streams at once stand still anywhere.
/// </summary>
internal sealed class StreamBenchmark : IAsyncDisposable
{
    private const int Rounds = 5;
    private const string Bare = "bare YARP";
    private static readonly TimeSpan Length = TimeSpan.FromSeconds(2), WarmUp = TimeSpan.FromSeconds(1);
    private static readonly Dictionary<string, string?> AsTheyAre = new() { [ProxyBenchmark.SpinVariable] = null };
    private static readonly HttpClient Http = new();
    private readonly Stack<IAsyncDisposable> _started = new();

    public static async Task<int> RunAsync()
    {
        await using var benchmark = new StreamBenchmark();
        Console.WriteLine($"{Environment.ProcessorCount} cores; provider, Redis and clients run on the same cores.\n");
        foreach (var answer in new[] { StreamProvider.Recorded, StreamProvider.Synthesised })
            await benchmark.ReadAsync(answer);
        await benchmark.PacedAsync();
        return 0;
    }

    public async ValueTask DisposeAsync()
    {
        while (_started.TryPop(out var it))
            await it.DisposeAsync();
    }

    /// <summary>Times are medians over the rounds, ratios medians of each round's own ratio, in an order that turns.</summary>
    private async Task ReadAsync(string answer)
    {
        var upstream = await ChildAsync("answers", answer);
        Target[] targets = [await ProxyAsync(Bare, "forwarder", upstream), await ProxyAsync("YARP that reads", "reading", upstream, "shows"), await ProxyAsync("YARP that reads and hides", "reading", upstream, "hides")];
        const string body = """{"model":"gpt-4.1-nano","stream":true,"messages":[]}""";
        foreach (var target in targets)
            await StreamLoad.RunAsync(target, body, 8, WarmUp, TimeSpan.FromSeconds(8));
        Console.WriteLine($"Reading a stream of {answer}, {StreamProvider.AnswerOf(answer).Length:N0} bytes; {Rounds} rounds of {Length.TotalSeconds:0} s\n");
        Console.WriteLine("| | connections | streams/s | p50 µs | CPU µs a stream | bytes allocated a stream | time of bare YARP | CPU of bare YARP | allocated beyond it |");
        Console.WriteLine("|---|---|---|---|---|---|---|---|---|");
        foreach (var connections in new[] { 1, 8 })
        {
            var rounds = new List<(StreamResult Result, double Allocated)[]>();
            for (var round = 0; round < Rounds; round++)
            {
                var results = new (StreamResult, double)[targets.Length];
                for (var i = 0; i < targets.Length; i++)
                {
                    var at = (round + i) % targets.Length;
                    var before = await AllocatedAsync(targets[at]);
                    var result = await StreamLoad.RunAsync(targets[at], body, connections, TimeSpan.Zero, Length);
                    results[at] = (result, (await AllocatedAsync(targets[at]) - before) / result.Streams);
                }
                rounds.Add(results);
            }
            for (var i = 0; i < targets.Length; i++)
            {
                double Of(Func<(StreamResult Result, double Allocated), double> pick) => Median(rounds.Select(round => pick(round[i])));
                double OfBare(Func<(StreamResult Result, double Allocated), (StreamResult Result, double Allocated), double> pick) => Median(rounds.Select(round => pick(round[i], round[0])));
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {targets[i].Name} | {connections} | {Of(it => it.Result.PerSecond):0} | {Of(it => it.Result.P50):0} | {Of(it => it.Result.CpuMicros):0} | {Of(it => it.Allocated):0} | {OfBare((it, bare) => bare.Result.PerSecond / it.Result.PerSecond):0.000} | {OfBare((it, bare) => it.Result.CpuMicros / bare.Result.CpuMicros):0.000} | {OfBare((it, bare) => it.Allocated - bare.Allocated):0} |"));
            }
        }
        Console.WriteLine();
    }

    /// <summary>The gateway as users run it, with nine limits.</summary>
    private async Task PacedAsync()
    {
        var providerPort = FreePort.Next();
        var upstream = $"http://127.0.0.1:{providerPort}";
        await ChildAsync(providerPort, "provider");
        var redis = Keep(await RedisServer.StartAsync());
        var gateway = Keep(await GatewayProcess.StartAsync(GatewayCase.All[^1].Yaml(providerPort), redis, AsTheyAre));
        Target[] targets = [await ProxyAsync(Bare, "forwarder", upstream), new(GatewayCase.All[^1].Name, new Uri(gateway.Url).Port, GatewayCase.Key, [gateway.Process])];
        static string Body(string words) => $$"""{"model":"gpt-4o-mini","stream":true,"max_completion_tokens":1000,"messages":[{"role":"user","content":"{{words}}"}]}""";
        foreach (var target in targets)
            await StreamLoad.RunAsync(target, Body("hello reply:16"), 8, WarmUp, TimeSpan.FromSeconds(8));

        Console.WriteLine("The first token, a stream at a time, then what each of 512 streams at once sees of chunks that come every 20 ms\n");
        Console.WriteLine("| | streams at once | first byte p50 µs | p99 µs | gap p99 ms | longest gap ms | streams | CPU µs a stream |");
        Console.WriteLine("|---|---|---|---|---|---|---|---|");
        foreach (var (connections, words, each) in new (int, string, int?)[] { (1, "hello reply:16", null), (512, "hello reply:150 chunk:1 pace:20", 2) })
        {
            foreach (var target in targets)
            {
                var it = await StreamLoad.RunAsync(target, Body(words), connections, TimeSpan.Zero, TimeSpan.FromSeconds(10), each);
                Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {target.Name} | {connections} | {it.FirstP50:0} | {it.FirstP99:0} | {it.GapP99 / 1000:0.0} | {it.LongestGap / 1000:0.0} | {it.Streams} | {it.CpuMicros:0} |"));
            }
        }
    }

    private async Task<Target> ProxyAsync(string name, params string[] words)
    {
        var port = FreePort.Next();
        return new Target(name, port, FakeProvider.DefaultCredential, [await ChildAsync(port, words)]);
    }

    private async Task<string> ChildAsync(params string[] words)
    {
        var port = FreePort.Next();
        await ChildAsync(port, words);
        return $"http://127.0.0.1:{port}";
    }

    private async Task<CaptiveProcess> ChildAsync(int port, params string[] words)
    {
        var environment = words[0] is "provider" or "answers" ? [] : AsTheyAre;
        var child = Keep(CaptiveProcess.Start(new CaptiveCommand(Environment.ProcessPath!, [words[0], $"{port}", .. words[1..]]) { Environment = environment }));
        await Eventually.TrueAsync($"{words[0]} listens", () => FreePort.IsTaken(port), detail: () => child.Output);
        return child;
    }

    private static async Task<double> AllocatedAsync(Target target) => double.Parse(await Http.GetStringAsync($"http://127.0.0.1:{target.Port}/_allocated"), CultureInfo.InvariantCulture);

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
