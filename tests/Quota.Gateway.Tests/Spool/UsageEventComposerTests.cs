using System.Text.Json;
using Quota.Gateway.Spool;
using Quota.Shared.Pricing;
using Quota.Shared.Usage;

namespace Quota.Gateway.Tests.Spool;

/// <summary>What an event says of money, and that it says the same when its records come back from the spool.</summary>
public sealed class UsageEventComposerTests
{
    private static readonly DateTimeOffset OneInTheMorning = new(2026, 11, 23, 1, 0, 0, TimeSpan.Zero);

    private static readonly BeginRecord Begin = new()
    {
        Id = Guid.CreateVersion7(OneInTheMorning), At = OneInTheMorning, AtSource = "redis", OrgId = "o", Org = "acme", KeyId = "k", Provider = "openai", Upstream = "openai",
        Route = "/v1/chat/completions", Model = "m", RequestedModel = "fast", Stream = false, StartedAt = OneInTheMorning, InputEstimate = 10, OutputBound = 100, Counters = [],
        Price = new ModelPrice
        {
            Provider = "openai", Model = "m", Currency = "USD", Input = 1m, Output = 10m, Version = "v",
            Variants = [new() { ServiceTier = "flex", Input = 0.5m }, new() { From = new(0, 30), To = new(8, 30), Output = 4m }],
        },
    };

    private static readonly CallOutcome Outcome = new()
    {
        Status = UsageStatus.Completed, Usage = new UsageCounts { Requests = 1, InputTokens = 1_000, OutputTokens = 100, ToolCalls = new Dictionary<string, long> { ["web_search"] = 1 } }, EndedAt = OneInTheMorning,
    };

    private static UsageEvent Compose(BeginRecord begin, CallOutcome outcome)
    {
        var usage = UsageEventComposer.Compose(begin, outcome, "gw", 1);
        var again = UsageEventComposer.Compose(
            JsonSerializer.Deserialize(JsonSerializer.SerializeToUtf8Bytes(begin, SpoolJson.Default.BeginRecord), SpoolJson.Default.BeginRecord)!,
            JsonSerializer.Deserialize(JsonSerializer.SerializeToUtf8Bytes(outcome, SpoolJson.Default.CallOutcome), SpoolJson.Default.CallOutcome)!, "gw", 1);
        var text = JsonSerializer.Serialize(usage, UsageJson.Default.UsageEvent);
        JsonSerializer.Serialize(again, UsageJson.Default.UsageEvent).ShouldBe(text);
        JsonSerializer.Deserialize(text, UsageJson.Default.UsageEvent)!.Usage.ShouldBe(usage.Usage);
        return usage;
    }

    [Fact]
    public void The_cost_is_the_price_at_its_tier_and_instant()
    {
        // By night: 1,000 at 1 and 100 at 4; at flex the input at 0.50.
        Compose(Begin, Outcome).ShouldSatisfyAllConditions(
            it => (it.Cost, it.Spend, it.CostSource, it.ServiceTier).ShouldBe(("0.0014", null, null, null)), it => it.RequestedModel.ShouldBe("fast"), it => (it.RequestId, it.Attempt).ShouldBe((it.Id, 1)));
        Compose(Begin with { ServiceTier = "flex" }, Outcome).ShouldSatisfyAllConditions(it => it.Cost.ShouldBe("0.0009", "asked for"), it => it.ServiceTier.ShouldBe("flex"));
        Compose(Begin with { ServiceTier = "flex" }, Outcome with { ServiceTier = "default" }).ShouldSatisfyAllConditions(it => it.Cost.ShouldBe("0.0014", "answered"), it => it.ServiceTier.ShouldBe("default"));
        Compose(Begin with { At = OneInTheMorning.AddHours(8) }, Outcome).Cost.ShouldBe("0.002", "by day: 100 at 10");
    }

    [Fact]
    public void The_providers_word_is_the_cost_and_the_org_pays_the_price()
    {
        var it = Compose(Begin, Outcome with { ProviderCost = 0.00123456789012345678901234m });
        (it.Cost, it.CostSource, it.Spend).ShouldBe(("0.00123456789012345678901234", "provider", "0.0014"));
    }

    [Fact]
    public void What_the_org_pays_is_said_where_it_is_not_the_cost()
    {
        var it = Compose(Begin with { Markup = 1.25m }, Outcome);
        (it.Cost, it.CostSource, it.Spend).ShouldBe(("0.0014", null, "0.00175"));
    }

    [Fact]
    public void A_further_attempt_keeps_the_requests_id()
    {
        var first = Guid.CreateVersion7(OneInTheMorning);
        var it = Compose(Begin with { RequestId = first, Attempt = 2 }, Outcome);
        (it.RequestId, it.Attempt).ShouldBe((first, 2));
    }

    [Fact]
    public void An_abandoned_call_is_charged_for_what_was_known_before_it() =>
        UsageEventComposer.Abandoned(Begin with { Characters = 12, Seconds = 3 }).Usage.ShouldSatisfyAllConditions(usage => (usage.Characters, usage.Seconds, usage.InputTokens).ShouldBe((12, 3, 10)));

    [Fact]
    public void An_abandoned_stream_is_charged_for_what_its_last_progress_saw()
    {
        var progress = new ProgressRecord(Begin.Id, OneInTheMorning.AddSeconds(9), new UsageCounts { InputTokens = 500, CachedInputTokens = 100 }, 100, "flex");
        var it = Compose(Begin, UsageEventComposer.Abandoned(Begin, progress));
        (it.Status, it.Estimated, it.EndedAt, it.ServiceTier, it.Usage.InputTokens, it.Usage.OutputTokens).ShouldBe((UsageStatus.Abandoned, true, OneInTheMorning.AddSeconds(9), "flex", 500, 100));
        it.Cost.ShouldBe("0.00065", "500 at 0.50, the tier that it was answered at, and 100 at 4, by night");
    }

    [Fact]
    public void A_correction_that_was_not_written_puts_nothing_right() =>
        UsageEventComposer.Abandoned(Begin with { Corrects = Begin.Id }).ShouldSatisfyAllConditions(it => it.Usage.ShouldBe(new UsageCounts()), it => it.InsteadOf.ShouldNotBeNull());
}
