using Quota.Gateway.Keys;
using Quota.Gateway.Limits;
using Quota.Shared.ControlPlane;

namespace Quota.Gateway.Tests.Keys;

public sealed class KeyTableTests
{
    private static readonly byte[] Pepper = "0123456789abcdef0123456789abcdef"u8.ToArray();
    private static readonly DateTimeOffset Now = new(2026, 11, 23, 12, 0, 0, TimeSpan.Zero);

    private static KeyTable Table(DateTimeOffset? expires = null) => new(Pepper,
    [
        new CallerKey(new SnapshotKey { Id = "1", Hash = KeyHash.HexOfSecret(Pepper, "qk_one"), OrgId = "o", ExpiresAt = expires }, new SnapshotOrg("o", "acme", "UTC", "USD"), new LimitPlan("o", [])),
        new CallerKey(new SnapshotKey { Id = "2", Hash = KeyHash.HexOfSecret(Pepper, "qk_two"), OrgId = "o" }, new SnapshotOrg("o", "acme", "UTC", "USD"), new LimitPlan("o", [])),
    ]);

    [Fact]
    public void A_key_is_found_by_its_whole_secret_only()
    {
        Table().Find("qk_one", Now)!.Key.Id.ShouldBe("1");
        Table().Find("qk_two", Now)!.Key.Id.ShouldBe("2");
        foreach (var wrong in new[] { "", "qk_on", "qk_one ", "QK_ONE", new string('x', KeyTable.MaxSecretLength + 1), "qk_\u00fc" })
            Table().Find(wrong, Now).ShouldBeNull();
    }

    [Fact]
    public void An_expired_key_is_unknown()
    {
        Table(Now.AddSeconds(1)).Find("qk_one", Now).ShouldNotBeNull();
        Table(Now).Find("qk_one", Now).ShouldBeNull();
    }
}
