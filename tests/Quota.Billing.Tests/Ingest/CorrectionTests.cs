using Microsoft.Extensions.DependencyInjection;
using Quota.Billing.Metering;
using Quota.Billing.Tests.Customers;
using Quota.Shared.ControlPlane;
using Quota.Shared.Usage;

namespace Quota.Billing.Tests.Ingest;

/// <summary>Events that put right what an earlier one of their org estimated: truth minus estimate, so that sums are the truth.</summary>
public sealed class CorrectionTests(SharedBillingApp shared) : IClassFixture<SharedBillingApp>
{
    private readonly BillingApp _app = shared.App;
    private readonly DateTimeOffset _now = TimeProvider.System.GetUtcNow();

    public static TheoryData<string, UsageCounts> Below0 => new()
    {
        { "requests", new() { Requests = -1 } }, { "input_tokens", new() { InputTokens = -1 } }, { "cached_input_tokens", new() { CachedInputTokens = -1 } },
        { "cache_write_tokens", new() { CacheWriteTokens = -1 } }, { "cache_write_1h_tokens", new() { CacheWrite1hTokens = -1 } },
        { "output_tokens", new() { OutputTokens = -1 } }, { "reasoning_tokens", new() { ReasoningTokens = -1 } },
        { "audio_input_tokens", new() { AudioInputTokens = -1 } }, { "audio_output_tokens", new() { AudioOutputTokens = -1 } },
        { "image_tokens", new() { ImageTokens = -1 } }, { "image_output_tokens", new() { ImageOutputTokens = -1 } }, { "images", new() { Images = -1 } },
        { "seconds", new() { Seconds = -1 } }, { "characters", new() { Characters = -1 } }, { "bytes_in", new() { BytesIn = -1 } },
        { "bytes_out", new() { BytesOut = -1 } }, { "tool_calls", new() { ToolCalls = new Dictionary<string, long> { ["web_search"] = -1 } } },
    };

    [Theory]
    [MemberData(nameof(Below0))]
    public async Task A_count_below_0_is_taken_in_a_correction_and_nowhere_else(string field, UsageCounts counts)
    {
        var plain = SomeUsage.Event(_now) with { Usage = counts };
        await RejectedAsync(plain, $"usage.{field} is -1");
        (await ShipAsync(plain with { Corrects = SomeUsage.Event(_now).Id })).ShouldBe(ShipStatus.Accepted);
        var stored = await _app.ScalarAsync<string>($"select properties from usage_events where id = '{plain.Id}'");
        stored.ShouldContain(":-1");
        stored.ShouldContain("\"corrects\"");
    }

    [Fact]
    public async Task Money_below_0_is_taken_in_a_correction_and_nowhere_else()
    {
        await RejectedAsync(SomeUsage.Event(_now) with { Cost = "-0.5" }, "cost is -0.5");
        await RejectedAsync(SomeUsage.Event(_now) with { Spend = "-1e-9" }, "spend is -1e-9");
        (await ShipAsync(SomeUsage.Event(_now) with { Cost = "-0.5", Spend = "-1e-9", Corrects = SomeUsage.Event(_now).Id })).ShouldBe(ShipStatus.Accepted);
        await RejectedAsync(SomeUsage.Event(_now) with { Cost = "-1,5", Corrects = SomeUsage.Event(_now).Id }, "cost is not a decimal");
    }

    [Fact]
    public async Task A_correction_is_bounded_and_names_another_event()
    {
        var usage = SomeUsage.Event(_now);
        await RejectedAsync(usage with { Corrects = usage.Id }, "corrects names the event itself");
        await RejectedAsync(usage with { Corrects = Guid.Empty }, "corrects is the nil id");
        await RejectedAsync(usage with { Corrects = SomeUsage.Event(_now).Id, Usage = new() { InputTokens = long.MinValue } }, "usage.input_tokens");
        await RejectedAsync(usage with { Corrects = SomeUsage.Event(_now).Id, Usage = new() { InputTokens = long.MaxValue } }, "usage.input_tokens");
        (await ShipAsync(usage)).ShouldBe(ShipStatus.Accepted, "nothing of the rejected ones was stored under its id");
    }

    [Fact]
    public async Task It_may_come_first_and_counts_once()
    {
        var estimate = SomeUsage.Event(_now, input: 100, output: 50, subscription: "first");
        var correction = Correction(estimate, input: -40, output: 7);
        (await ShipAsync(correction)).ShouldBe(ShipStatus.Accepted);
        (await UnitsAsync("first", "input_tokens")).ShouldBe(-40, "the sum is what it is, until the rest of it comes");
        (await ShipAsync(estimate)).ShouldBe(ShipStatus.Accepted);
        (await ShipAsync(correction)).ShouldBe(ShipStatus.Duplicate);
        (await UnitsAsync("first", "input_tokens")).ShouldBe(60);
        (await UnitsAsync("first", "output_tokens")).ShouldBe(57);
        (await UnitsAsync("first", "requests")).ShouldBe(1);
    }

    [Fact]
    public async Task It_never_corrects_another_org()
    {
        var theirs = SomeUsage.Event(_now, subscription: "astray") with { Org = "theirs" };
        var correction = Correction(theirs, input: -4) with { Org = "ours" };
        await ShipAsync(theirs);
        await RejectedAsync(correction, "corrects an event of another org");
        (await UnitsAsync("astray", "input_tokens")).ShouldBe(10, "only what theirs says");

        // Together, in either order; what is of one org is taken.
        var (other, own) = (SomeUsage.Event(_now) with { Org = "theirs" }, SomeUsage.Event(_now) with { Org = "ours" });
        (await _app.ShipAsync(Batch(Correction(other, -4) with { Org = "ours" }, Correction(own, -4), other, own, Correction(other, -5) with { Org = "ours" })))
            .Select(result => result.Status)
            .ShouldBe([ShipStatus.Rejected, ShipStatus.Accepted, ShipStatus.Accepted, ShipStatus.Accepted, ShipStatus.Rejected]);
    }

    [Fact]
    public async Task One_that_was_stored_stays_so_when_the_corrected_event_turns_out_to_be_anothers()
    {
        var theirs = SomeUsage.Event(_now) with { Org = "theirs" };
        var correction = Correction(theirs, input: -4) with { Org = "ours" };
        (await ShipAsync(correction)).ShouldBe(ShipStatus.Accepted);
        (await ShipAsync(theirs)).ShouldBe(ShipStatus.Accepted);
        (await ShipAsync(correction)).ShouldBe(ShipStatus.Duplicate, "its sender must not set aside what is counted");
        (await ShipAsync(correction with { Seq = 9 })).ShouldBe(ShipStatus.Conflict);
    }

    [Fact]
    public async Task Seeds_of_limits_go_down_by_it()
    {
        await _app.PostAsync("/api/v1/customers", new { customer = new { external_id = "seeds" } });
        foreach (var meter in new[] { "total_tokens", "cost", "spend" })
        {
            var limit = LimitTests.Changed("seeds", $$$"""{"code":"{{{meter}}}","meter":"{{{meter}}}","amount":"1000","window":{"kind":"lifetime"}}""");
            (await _app.PostAsync("/api/v1/limits", new { limit })).ShouldBe(200);
        }
        var estimate = SomeUsage.Event(_now, input: 100, output: 50) with { Org = "seeds", Cost = "0.0000015", Spend = "0.000003" };
        var correction = Correction(estimate, input: -30, output: -20) with { Cost = "-0.0000005", Spend = "-0.000001" };
        await ShipAsync(estimate);
        var before = await SeedsAsync(150, 1_500, 3_000);
        await ShipAsync(correction);
        var after = await SeedsAsync(100, 1_000, 2_000);
        after.Zip(before).ShouldAllBe(pair => pair.First.Version > pair.Second.Version, "or gateways would keep the old one");
        (await _app.GetAsync("/api/v1/limits/total_tokens?external_customer_id=seeds")).ShouldBe(200).At("limit.used").ShouldBe("100");
    }

    /// <summary>The seeds of the org's node once they are so many tokens, nano-dollars of cost and of spend.</summary>
    private async Task<IReadOnlyList<SnapshotSeed>> SeedsAsync(long tokens, long cost, long spend)
    {
        var seeds = new List<SnapshotSeed>();
        foreach (var (meter, used) in new[] { ("total_tokens", tokens), ("cost", cost), ("spend", spend) })
            seeds.Add((await _app.LimitAsync("seeds", meter, limit => limit.Seeds.Any(seed => seed.NodeId is not null && seed.Used == used))).Seeds.Single(seed => seed.NodeId is not null));
        return seeds;
    }

    /// <summary>As a gateway writes it: an event of its own whose call is the corrected event's.</summary>
    private static UsageEvent Correction(UsageEvent of, long input, long output = 0) =>
        of with { Id = SomeUsage.Event(of.At).Id, Corrects = of.Id, Usage = new() { InputTokens = input, OutputTokens = output }, Cost = "0", Spend = null };

    private static string Batch(params IEnumerable<UsageEvent> events) => SomeUsage.Batch(events.Select(SomeUsage.Text));

    private async Task<string> ShipAsync(UsageEvent usage) => (await _app.ShipAsync(Batch(usage))).Single().Status;

    private async Task RejectedAsync(UsageEvent usage, string reason)
    {
        var result = (await _app.ShipAsync(Batch(usage))).Single();
        result.Status.ShouldBe(ShipStatus.Rejected);
        result.Reason.ShouldNotBeNull().ShouldContain(reason);
    }

    private async Task<decimal> UnitsAsync(string subscription, string field)
    {
        await using var connection = await _app.OpenAsync();
        var meter = _app.Services.GetRequiredService<MeterQuery>();
        return (await meter.ReadAsync(connection, new MetricTerms { EventCode = "llm.request", AggregationType = "sum_agg", FieldName = field }, new MeterSubject(subscription, Guid.Empty), _now.AddDays(-1), _now.AddDays(1))).Units;
    }
}
