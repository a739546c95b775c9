using System.Text.Json;
using Quota.Gateway.ControlPlane;
using Quota.Gateway.Limits;
using Quota.Shared.ControlPlane;
using Quota.Shared.Usage;

namespace Quota.Gateway.Tests.ControlPlane;

/// <summary>A limit that is younger than its window counts its two kinds of money from events as the calls were charged.</summary>
public sealed class EventRecountTests
{
    private static readonly DateTimeOffset At = new(2026, 11, 23, 12, 0, 0, TimeSpan.Zero);
    private static readonly SnapshotOrg Org = new(FileNode.Id("acme"), "acme", "UTC", "USD", Markup: 3);

    private static readonly UsageEvent Event = new()
    {
        Id = Guid.CreateVersion7(At), RequestId = Guid.Empty, Instance = "gw", Seq = 1, At = At, AtSource = "redis", Org = "acme", KeyId = "k", Provider = "openai", Upstream = "openai",
        Route = "/v1/chat/completions", Model = "m", Stream = false, StartedAt = At, EndedAt = At, Status = UsageStatus.Completed, Usage = new UsageCounts { Requests = 1 }, Currency = "USD",
    };

    private static long Count(string meter, params UsageEvent[] events)
    {
        var limit = new SnapshotLimit
        {
            Code = "c", OrgId = Org.Id, NodeId = Org.Id, Scope = "acme", Terms = new LimitTerms { Meter = meter, Amount = 100, Currency = "USD", Window = new LimitWindow { Kind = LimitWindow.Lifetime } },
        };
        var young = new YoungLimit(limit, Org, LimitsRegistration.Kinds().Single(kind => kind.Name == meter), 0, long.MaxValue, "UTC");
        foreach (var it in events)
            young.Count(JsonSerializer.Deserialize(JsonSerializer.Serialize(it, UsageJson.Default.UsageEvent), UsageJson.Default.UsageEvent)!).ShouldBeTrue();
        return EventRecount.SeedsOf(young).Single(seed => seed.NodeId is not null).Used;
    }

    [Fact]
    public void Spend_and_cost_are_counted_apart_and_by_the_markup_of_their_time()
    {
        UsageEvent[] events = [Event with { Cost = "0.5" }, Event with { Cost = "0.25", Spend = "1", CostSource = UsageEvent.OfProvider }];
        Count(Meters.Cost, events).ShouldBe(750_000_000);
        Count(Meters.Spend, events).ShouldBe(1_500_000_000);
    }

    [Fact]
    public void Units_are_counted_without_a_price() => Count("seconds", Event with { Usage = new UsageCounts { Seconds = 7 } }).ShouldBe(7);
}
