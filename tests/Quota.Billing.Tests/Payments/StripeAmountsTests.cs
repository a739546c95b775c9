using Quota.Billing.Payments;
using Quota.Shared.Amounts;

namespace Quota.Billing.Tests.Payments;

/// <summary>The special cases of https://docs.stripe.com/currencies.</summary>
public sealed class StripeAmountsTests
{
    [Theory]
    [InlineData("USD", 1099, 1099)]
    [InlineData("JPY", 500, 500)]
    [InlineData("UGX", 5, 500)]
    [InlineData("ISK", 500, 500)]
    [InlineData("KWD", 5120, 5120)]
    [InlineData("USD", 99999999, 99999999)]
    public void What_can_be_charged(string code, long minor, long stripe)
    {
        StripeAmounts.TryToStripe(minor, Currency.Parse(code), out var amount).ShouldBeTrue();
        amount.ShouldBe(stripe);
        StripeAmounts.TryFromStripe(amount, Currency.Parse(code), out var back).ShouldBeTrue();
        back.ShouldBe(minor);
    }

    [Theory]
    [InlineData("ISK", 550)]
    [InlineData("KWD", 5124)]
    [InlineData("USD", 100000000)]
    [InlineData("UGX", 1000000)]
    [InlineData("UGX", long.MaxValue)]
    [InlineData("USD", 0)]
    [InlineData("USD", -5)]
    public void What_cannot(string code, long minor) => StripeAmounts.TryToStripe(minor, Currency.Parse(code), out _).ShouldBeFalse();
}
