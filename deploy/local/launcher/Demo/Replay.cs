using System.Diagnostics;
using Quota.TestKit;
using Spectre.Console;

namespace Quota.Local.Demo;

/// <summary>What became of the rows that were sent.</summary>
internal sealed record ReplayResult(Units Sent, int Served, int Streamed, int Refused, int Failed, string? FirstFailure, TimeSpan Took);

/// <summary>
/// Sends the trace as fast as it goes, every second row streamed, half of it as ada and half as bob. Eve, who may make five requests a
/// minute, begins with the first rows until she is refused; what she was refused is sent by the others, so every row is served once.
/// </summary>
internal sealed class Replay(ChatSender sender, IReadOnlyDictionary<string, DemoKey> keys, int concurrency)
{
    private const int MaxTriesOfEve = 20;

    private int _served;
    private int _streamed;
    private int _refused;
    private int _failed;

    public async Task<ReplayResult> RunAsync(IReadOnlyList<TraceRow> rows, CancellationToken stopping)
    {
        var began = Stopwatch.GetTimestamp();
        await AnsiConsole.Progress()
            .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new ElapsedTimeColumn())
            .StartAsync(async progress =>
            {
                var bar = progress.AddTask($"sending {rows.Count:N0} requests", maxValue: rows.Count);
                var first = await SendAsEveAsync(rows, bar);
                var options = new ParallelOptions { MaxDegreeOfParallelism = concurrency, CancellationToken = stopping };
                await Parallel.ForEachAsync(Enumerable.Range(first, rows.Count - first), options, async (index, _) =>
                {
                    await SendAsync(rows[index], index, index / 2 % 2 == 0 ? "ada" : "bob");
                    bar.Increment(1);
                });
            });
        return new ReplayResult(
            new Units(rows.Count, rows.Sum(r => (long)r.ContextTokens), rows.Sum(r => (long)r.GeneratedTokens)),
            _served, _streamed, _refused, _failed, sender.FirstFailure, Stopwatch.GetElapsedTime(began));
    }

    /// <summary>Returns the index of the first row that she was not served.</summary>
    private async Task<int> SendAsEveAsync(IReadOnlyList<TraceRow> rows, ProgressTask bar)
    {
        for (var index = 0; index < Math.Min(rows.Count, MaxTriesOfEve); index++)
        {
            if (await SendAsync(rows[index], index, "eve") != ChatOutcome.Served)
                return index;
            bar.Increment(1);
        }

        return Math.Min(rows.Count, MaxTriesOfEve);
    }

    private async Task<ChatOutcome> SendAsync(TraceRow row, int index, string user)
    {
        var stream = index % 2 == 1;
        var outcome = await sender.SendAsync(row, stream, keys[user].Secret);
        Interlocked.Increment(ref outcome == ChatOutcome.Served ? ref _served : ref outcome == ChatOutcome.Refused ? ref _refused : ref _failed);
        if (stream && outcome == ChatOutcome.Served)
            Interlocked.Increment(ref _streamed);
        return outcome;
    }
}
