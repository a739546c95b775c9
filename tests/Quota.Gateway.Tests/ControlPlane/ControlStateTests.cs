using Quota.Gateway.ControlPlane;
using Quota.Gateway.Limits;
using Quota.Shared.ControlPlane;

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
}
