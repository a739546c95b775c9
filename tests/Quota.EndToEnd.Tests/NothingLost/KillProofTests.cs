using System.Diagnostics;
using Quota.EndToEnd.Tests.Races;
using Quota.TestKit;

namespace Quota.EndToEnd.Tests.NothingLost;

/// <summary>kill -9 of gateway, core, Redis and PostgreSQL at any moment under load: every call that the provider saw is one event.</summary>
[Collection(nameof(Races))]
public sealed class KillProofTests(ITestOutputHelper output)
{
    private static readonly TimeSpan First = TimeSpan.FromSeconds(3), Drained = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task Whoever_is_killed_nothing_is_lost_and_nothing_doubled()
    {
        var (seed, kills) = (Seeds.Next(output), LongForm.Pick(10, 48));
        await using var product = await WiredProduct.StartAsync(new WiredPlan(seed));
        using var load = new WitnessLoad(product, seed);
        var chaos = new Kills(product, load, seed);
        var running = load.RunAsync(clients: 16);
        try
        {
            await chaos.RunAsync(kills);
        }
        finally
        {
            load.End();
            await running;
        }
        var books = await Books.CloseAsync(product, load.Calls, TimeSpan.FromSeconds(60));
        var drained = Stopwatch.GetElapsedTime(chaos.LastKill, books.ClosedAt);
        books.Note("kills", $"{kills}");
        foreach (var part in chaos.Served.GroupBy(it => it.Part).OrderBy(it => it.Key))
            books.Note($"first request after start, {part.Key}", $"{string.Join(", ", part.Select(it => $"{it.Took.TotalSeconds:0.00} ({it.Waited.TotalSeconds:0.00}{(it.IsJudged ? "" : ", not judged: the machine is overloaded")})"))} s (of that without a processor)");
        books.Note("drained after the last kill", $"{drained.TotalSeconds:0.0} s");
        output.WriteLine(books.ToString());
        books.ShouldBalance();
        chaos.Served.ShouldAllBe(it => !it.IsJudged || it.Took - it.Waited <= First);
        drained.ShouldBeLessThan(Drained);
        load.Whole.ShouldBeGreaterThan(100, "the proof would be empty");
    }
}
