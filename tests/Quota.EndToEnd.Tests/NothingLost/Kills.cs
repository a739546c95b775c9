using System.Diagnostics;
using System.Globalization;
using Quota.TestKit;

namespace Quota.EndToEnd.Tests.NothingLost;

/// <summary>Who is killed.</summary>
internal enum KilledPart
{
    Gateway,
    Core,
    Store,
    Database,
}

/// <summary>How long a part took from the start of its process to its first request served.</summary>
/// <param name="Waited">Of that, as long as one of its threads was ready to run and had no processor: what else runs here took it.</param>
/// <param name="Load">Threads that ran or wanted to, on average in the last minute, for each processor.</param>
internal sealed record FirstRequest(KilledPart Part, TimeSpan Took, TimeSpan Waited, double Load)
{
    /// <summary>The proof's own load makes 2 or 3; with more, others keep the whole machine from it, servers and clients too, and its time says nothing.</summary>
    public bool IsJudged => Load <= 4;
}

/// <summary>
/// Kills parts with SIGKILL and starts them again on their data, in an order and after progress that the seed decides. Often the next goes before
/// the last is back; one that ends because another is away is started again, as whatever supervises it would.
/// </summary>
internal sealed class Kills(WiredProduct product, WitnessLoad load, int seed)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly Random _random = new(seed);
    private readonly Dictionary<KilledPart, SemaphoreSlim> _turns = Enum.GetValues<KilledPart>().ToDictionary(part => part, _ => new SemaphoreSlim(1));
    private readonly Dictionary<KilledPart, long> _backAt = new() { [KilledPart.Store] = 0, [KilledPart.Database] = 0 };
    private readonly List<FirstRequest> _served = [];

    /// <summary>Those of parts that had what they need all the time.</summary>
    public IReadOnlyList<FirstRequest> Served => _served;

    /// <summary>When the last one was killed.</summary>
    public long LastKill { get; private set; }

    public async Task RunAsync(int kills)
    {
        var order = Enumerable.Range(0, kills).Select(i => (KilledPart)(i % _turns.Count)).ToArray();
        _random.Shuffle(order);
        List<Task> ending = [];
        foreach (var part in order)
        {
            if (_random.Next(4) > 0)
                await ProgressAsync();
            ending.Add(KillAsync(part, _random.Next(20, 400)));
        }
        await Task.WhenAll(ending);
    }

    /// <summary>Until more calls were served; where none can be, only a moment.</summary>
    private async Task ProgressAsync()
    {
        var (goal, until) = (load.Whole + _random.Next(40, 160), TimeProvider.System.GetUtcNow().AddSeconds(4));
        while (load.Whole < goal && TimeProvider.System.GetUtcNow() < until)
            await Task.Delay(10);
    }

    private async Task KillAsync(KilledPart part, int awayMs)
    {
        await _turns[part].WaitAsync();
        try
        {
            var gateway = product.Gateways[0];
            var process = part switch
            {
                KilledPart.Gateway => gateway.Process.Process,
                KilledPart.Core => product.Core.Process,
                KilledPart.Store => product.Redis.Process,
                _ => product.Postgres.Process,
            };
            SetBack(part, long.MaxValue);
            LastKill = Stopwatch.GetTimestamp();
            process.Kill();
            await Task.Delay(awayMs);
            switch (part)
            {
                case KilledPart.Gateway:
                    await ComeBackAsync(part, KilledPart.Store, () => gateway.StartAgainAsync(waitUntilReady: false), () => gateway.Process.Process,
                        async () => (await load.CallAsync(gateway, WitnessOrg.Users[0], "a word reply:1", isStream: false)).IsWhole);
                    break;
                case KilledPart.Core:
                    await ComeBackAsync(part, KilledPart.Database, () => product.Core.StartAgainAsync(waitUntilReady: false), () => product.Core.Process, async () => (await product.Org.UsageAsync()).Count > 0);
                    break;
                case KilledPart.Store:
                    await product.Redis.StartAgainAsync();
                    break;
                default:
                    await product.Postgres.StartAgainAsync();
                    break;
            }
            SetBack(part, Stopwatch.GetTimestamp());
        }
        finally
        {
            _turns[part].Release();
        }
    }

    private async Task ComeBackAsync(KilledPart part, KilledPart needs, Func<Task> start, Func<CaptiveProcess> process, Func<Task<bool>> serves)
    {
        var started = Stopwatch.GetTimestamp();
        await start();
        await Eventually.TrueAsync($"the {part} serves again", async () =>
        {
            if (process().HasExited)
            {
                started = Stopwatch.GetTimestamp();
                await start();
            }
            try
            {
                return await serves();
            }
            catch (Exception problem) when (problem is HttpRequestException or TaskCanceledException)
            {
                return false;
            }
        }, Patience, () => process().Output);
        lock (_served)
        {
            if (_backAt[needs] < started)
                _served.Add(new FirstRequest(part, Stopwatch.GetElapsedTime(started), WaitOf(process().Pid), LoadOf()));
        }
    }

    /// <summary>Of the thread that waited longest for a processor; a start is mostly the work of one.</summary>
    private static TimeSpan WaitOf(int pid) => TimeSpan.FromMicroseconds(Directory.EnumerateDirectories($"/proc/{pid}/task").Select(task =>
    {
        try
        {
            return long.Parse(File.ReadAllText(task + "/schedstat").Split(' ')[1], CultureInfo.InvariantCulture) / 1000.0;
        }
        catch (IOException)
        {
            return 0;   // it has ended
        }
    }).Max());

    private static double LoadOf() => double.Parse(File.ReadAllText("/proc/loadavg").Split(' ')[0], CultureInfo.InvariantCulture) / Environment.ProcessorCount;

    private void SetBack(KilledPart part, long at)
    {
        lock (_served)
            _backAt[part] = at;
    }
}
