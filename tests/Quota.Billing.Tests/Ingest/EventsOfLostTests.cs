using System.Globalization;
using Quota.Shared.Usage;

namespace Quota.Billing.Tests.Ingest;

/// <summary>A call of a lost gateway has an event from its hold and, when the disk is back, one of its own: whatever comes first, the sums are the own one's.</summary>
public sealed class EventsOfLostTests(SharedBillingApp shared) : IClassFixture<SharedBillingApp>
{
    private readonly BillingApp _app = shared.App;
    private readonly DateTimeOffset _now = TimeProvider.System.GetUtcNow();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Whichever_comes_first_the_sums_are_its_own(bool ownFirst)
    {
        var random = new Random(7);
        for (var round = 0; round < 12; round++)
        {
            var own = Own(random);
            UsageEvent[] made = [Made(own, random.Next(3) == 0 ? null : random), Made(own, random)];   // two that disagree: whose comes first stays
            List<UsageEvent> sent = ownFirst ? [own, .. made, own] : [made[0], own, made[1], own, made[0]];
            List<string> answers = [];
            foreach (var one in sent)
                answers.Add((await _app.ShipAsync(SomeUsage.Batch([SomeUsage.Text(one)]))).Single().Status);
            answers[0].ShouldBe(ShipStatus.Accepted);
            answers.Skip(1).ShouldAllBe(status => status == ShipStatus.Duplicate);
            (await SumAsync(own, "requests"), await SumAsync(own, "input_tokens"), await SumAsync(own, "output_tokens"), await SumAsync(own, "reasoning_tokens"), await SumAsync(own, "cost"))
                .ShouldBe((own.Usage.Requests, own.Usage.InputTokens, own.Usage.OutputTokens, own.Usage.ReasoningTokens, decimal.Parse(own.Cost!, CultureInfo.InvariantCulture)));
            (await SumAsync(own, "cache_write_1h_tokens")).ShouldBe(own.Usage.CacheWrite1hTokens ?? 0);
            (await ConflictsAsync(own)).ShouldBe(0);
        }
    }

    [Fact]
    public async Task In_one_batch_too_and_what_says_the_same_adds_nothing()
    {
        var own = Own(new Random(3));
        var made = Made(own, null);
        (await _app.ShipAsync(SomeUsage.Batch([SomeUsage.Text(made), SomeUsage.Text(own)]))).Select(result => result.Status).ShouldBe([ShipStatus.Accepted, ShipStatus.Duplicate]);
        (await _app.ScalarAsync<long>($"select count(*) from events where source = 'gateway' and properties ->> 'provider_request_id' = '{own.ProviderRequestId}'")).ShouldBe(1);
        (await ConflictsAsync(own)).ShouldBe(0);
    }

    [Fact]
    public async Task Other_bytes_of_a_gateway_that_is_not_lost_are_a_conflict_as_ever()
    {
        var own = Own(new Random(4));
        await _app.ShipAsync(SomeUsage.Batch([SomeUsage.Text(own)]));
        (await _app.ShipAsync(SomeUsage.Batch([SomeUsage.Text(own with { Seq = 77 })]))).Single().Status.ShouldBe(ShipStatus.Conflict);
        (await ConflictsAsync(own)).ShouldBe(1);
    }

    private UsageEvent Own(Random random) => SomeUsage.Event(_now, input: random.Next(1_000), output: random.Next(1_000)) with
    {
        ProviderRequestId = $"lost-{random.NextInt64()}-{Guid.CreateVersion7(_now):N}", Cost = (random.Next(100_000) / 1_000_000m).ToString(CultureInfo.InvariantCulture),
        Usage = new UsageCounts { Requests = 1, InputTokens = random.Next(1_000), OutputTokens = random.Next(1_000), ReasoningTokens = random.Next(9), CacheWrite1hTokens = random.Next(2) == 0 ? null : random.Next(50) },
    };

    /// <summary>As it is made from the hold: with the same numbers, or as an estimate.</summary>
    private static UsageEvent Made(UsageEvent own, Random? random) => random is null ? own with { Lost = true, Seq = 0 } : own with
    {
        Lost = true, Seq = 0, Status = UsageStatus.Abandoned, Estimated = true, Cost = (random.Next(100_000) / 1_000_000m).ToString(CultureInfo.InvariantCulture),
        Usage = new UsageCounts { Requests = 1, InputTokens = random.Next(1_000) },
    };

    private Task<decimal> SumAsync(UsageEvent of, string property) => _app.ScalarAsync<decimal>(
        $"select coalesce(sum((properties ->> '{property}')::numeric), 0) from events where source = 'gateway' and properties ->> 'provider_request_id' = '{of.ProviderRequestId}'");

    private Task<long> ConflictsAsync(UsageEvent of) => _app.ScalarAsync<long>($"select count(*) from event_conflicts where id = '{of.Id}'");
}
