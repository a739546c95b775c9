using Quota.Gateway.ControlPlane;
using Quota.Gateway.Limits;
using Quota.Shared.ControlPlane;
using Quota.Shared.Pricing;

namespace Quota.Gateway.Tests.ControlPlane;

public sealed class ControlStateTests
{
    private static readonly byte[] Pepper = new byte[32];
    private static readonly Dictionary<string, ILimitKind> Kinds = LimitsRegistration.Kinds().ToDictionary(kind => kind.Name);

    private static SnapshotLimit Rate(string code, decimal amount) => new()
    {
        Code = code, OrgId = "o", NodeId = "o", Scope = "acme", Terms = new LimitTerms { Meter = "requests", Amount = amount, Window = new LimitWindow { Kind = "rate", Every = "minute" } },
    };

    private static ControlSnapshot Snapshot(string zone, params SnapshotLimit[] limits) => new()
    {
        Version = "1", Pepper = Convert.ToBase64String(Pepper), Orgs = [new SnapshotOrg("o", "acme", zone, "USD")],
        Keys = [new SnapshotKey { Id = "k", Hash = KeyHash.HexOfSecret(Pepper, "qk"), OrgId = "o" }], Limits = limits,
    };

    [Fact]
    public void A_zone_that_this_machine_does_not_know_is_a_bad_snapshot() =>
        Should.Throw<FormatException>(() => new ControlState(Snapshot("Mars/Olympus", Rate("a", 60)), Kinds)).Message.ShouldContain("Mars/Olympus");

    [Fact]
    public void The_price_is_that_of_the_instant_and_the_ceiling_that_of_all_others()
    {
        var noon = new DateTimeOffset(2026, 11, 23, 12, 0, 0, TimeSpan.Zero);
        static ModelPrice Of(string model, decimal input, DateTimeOffset? from = null) =>
            new() { Provider = "p", Model = model, Currency = "USD", Input = input, Output = 0, Version = "v", EffectiveFrom = from };
        var state = new ControlState(Snapshot("UTC") with { Prices = [Of("m", 1), Of("m", 2, noon)], UnknownPrice = Of("*", 9) }, Kinds);
        state.PriceOf("p", "m", noon.AddTicks(-1))!.Price.Input.ShouldBe(1);
        state.PriceOf("p", "m-2026-01-01", noon)!.Price.Input.ShouldBe(2);
        state.PriceOf("q", "m", noon)!.Price.Input.ShouldBe(9);
    }

    [Fact]
    public void A_markup_that_cannot_be_is_a_bad_snapshot() =>
        Should.Throw<FormatException>(() => new ControlState(Snapshot("UTC") with { Orgs = [new SnapshotOrg("o", "acme", "UTC", "USD", 0)] }, Kinds)).Message.ShouldContain("acme markup");
}
