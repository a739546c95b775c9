using CsCheck;
using Quota.Shared.Usage;

namespace Quota.Billing.Tests.Ingest;

/// <summary>Nothing lost, nothing doubled: what is stored does not depend on how often, in which order or in which batches it was sent.</summary>
public sealed class ResendTests(SharedBillingApp shared) : IClassFixture<SharedBillingApp>
{
    private const int Writers = 4;

    private static readonly Gen<(int Count, int Seed)> Cases = Gen.Select(Gen.Int[1, 400], Gen.Int);

    private readonly BillingApp _app = shared.App;

    [Fact]
    public Task Shuffled_and_cut_anew_by_parallel_writers_the_sums_are_equal() => Cases.SampleAsync(RunAsync, iter: 6, threads: 1);

    private async Task RunAsync((int Count, int Seed) one)
    {
        var random = new Random(one.Seed);
        var now = TimeProvider.System.GetUtcNow();
        var subscription = $"resend-{Guid.CreateVersion7(now):N}";
        var events = Enumerable.Range(0, one.Count)
            .Select(i => SomeUsage.Event(now.AddMinutes(-random.Next(60 * 24 * 40)), random.Next(5_000), random.Next(500), subscription, i + 1)).ToList();
        var texts = events.ConvertAll(SomeUsage.Text);

        var accepted = (await Task.WhenAll(Enumerable.Range(0, Writers).Select(i => SendAllAsync(texts, new Random(one.Seed + i))))).Sum();
        accepted.ShouldBe(one.Count, "each event is accepted exactly once, by one of the writers");
        await SumsShouldBeAsync(subscription, events);

        (await SendAllAsync(texts, random)).ShouldBe(0, "a replay adds nothing");
        await SumsShouldBeAsync(subscription, events);
    }

    /// <summary>Everything, in random order and batches; returns how many were accepted.</summary>
    private async Task<int> SendAllAsync(List<string> texts, Random random)
    {
        var shuffled = texts.ToArray();
        random.Shuffle(shuffled);
        var accepted = 0;
        for (var at = 0; at < shuffled.Length;)
        {
            var size = Math.Min(random.Next(1, 150), shuffled.Length - at);
            var results = await _app.ShipAsync(SomeUsage.Batch(shuffled[at..(at + size)], watermark: null));
            results.ShouldAllBe(result => result.Status == ShipStatus.Accepted || result.Status == ShipStatus.Duplicate);
            accepted += results.Count(result => result.Status == ShipStatus.Accepted);
            at += size;
        }
        return accepted;
    }

    private async Task SumsShouldBeAsync(string subscription, List<UsageEvent> events)
    {
        var stored = await _app.ScalarAsync<string>($"""
            select concat_ws(' ', count(*), sum((properties->>'input_tokens')::numeric), sum((properties->>'output_tokens')::numeric))
            from events where external_subscription_id = '{subscription}'
            """);
        stored.ShouldBe($"{events.Count} {events.Sum(one => one.Usage.InputTokens)} {events.Sum(one => one.Usage.OutputTokens)}");
    }
}
