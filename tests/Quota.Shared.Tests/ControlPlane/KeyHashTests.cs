using System.Security.Cryptography;
using System.Text;
using Quota.Shared.ControlPlane;

namespace Quota.Shared.Tests.ControlPlane;

public sealed class KeyHashTests
{
    private static readonly byte[] Pepper = Encoding.UTF8.GetBytes("a pepper of thirty-two bytes----");

    [Theory]
    [InlineData("qk_one")]
    [InlineData("")]
    [InlineData("ünïcode ✓")]
    public void A_hash_is_hmac_of_sha256(string secret) =>
        KeyHash.HexOfSecret(Pepper, secret).ShouldBe(Convert.ToHexStringLower(HMACSHA256.HashData(Pepper, SHA256.HashData(Encoding.UTF8.GetBytes(secret)))));

    [Fact]
    public void Long_secrets_hash_too() => KeyHash.HexOfSecret(Pepper, new string('x', 10_000)).Length.ShouldBe(64);

    [Fact]
    public void Another_pepper_is_another_hash() => KeyHash.HexOfSecret(Pepper, "qk").ShouldNotBe(KeyHash.HexOfSecret(Pepper.AsSpan(1), "qk"));
}
