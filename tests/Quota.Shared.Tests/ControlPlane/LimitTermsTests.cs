using Quota.Shared.ControlPlane;

namespace Quota.Shared.Tests.ControlPlane;

public sealed class LimitTermsTests
{
    private static LimitTerms Terms(string meter, decimal amount, string kind, string? every = null, long? burst = null, string? currency = "USD", string mode = "hard", string? zone = null) =>
        new() { Meter = meter, Amount = amount, Currency = currency, Mode = mode, Window = new LimitWindow { Kind = kind, Every = every, Burst = burst, Timezone = zone } };

    private static string[] Fields(LimitTerms terms) => [.. terms.Mistakes().Select(mistake => mistake.Field)];

    [Fact]
    public void Limits_that_can_be_enforced_have_no_mistakes()
    {
        Fields(Terms("spend", 100.000000001m, "month")).ShouldBeEmpty();
        Fields(Terms("spend", 0m, "month", zone: "Europe/Berlin")).ShouldBeEmpty();
        Fields(Terms("requests", 60, "rate", "minute")).ShouldBeEmpty();
        Fields(Terms("requests", 60, "rate", "minute", burst: 5)).ShouldBeEmpty();
        Fields(Terms("requests", 1000, "day")).ShouldBeEmpty();
    }

    [Fact]
    public void Every_mistake_is_named()
    {
        Fields(Terms("miracles", -1, "fortnight", mode: "polite", zone: "Mars/Olympus")).ShouldBe(["meter", "mode", "amount", "window.kind", "window.timezone"]);
        Fields(Terms("spend", 10, "month", currency: "dollars")).ShouldBe(["currency"]);
        Fields(Terms("spend", 9_007_200m, "month")).ShouldBe(["amount"]);               // 2^53 nano-units
        Fields(Terms("spend", 0.0000000001m, "month")).ShouldBe(["amount"]);            // finer than a nano-unit
        Fields(Terms("spend", 10, "rate", "minute")).ShouldBe(["window.kind"]);
        Fields(Terms("requests", 1.5m, "day")).ShouldBe(["amount"]);
        Fields(Terms("requests", 0, "rate", "minute")).ShouldBe(["amount"]);
        Fields(Terms("requests", 5, "rate", "fortnight")).ShouldBe(["window.every"]);
        Fields(Terms("requests", 5, "rate", "minute", burst: 0)).ShouldBe(["window.burst"]);
        Fields(Terms("requests", 3_000_000_000, "rate", "hour")).ShouldBe(["amount"]);  // a drain would leave 2^53
    }
}
