using CsCheck;
using Quota.Shared.Amounts;
using Quota.Shared.Pricing;
using Quota.Shared.Usage;

namespace Quota.Shared.Tests.Pricing;

public sealed class PriceFunctionTests
{
    private static readonly Gen<decimal> Price = Gen.Long[0, 100_000_000_000_000].Select(units => units / 1_000_000_000_000m);   // up to 12 decimals

    private static readonly Gen<UsageCounts> Usage = Gen.Select(Gen.Long[0, 200_000], Gen.Double[0, 1], Gen.Double[0, 1], Gen.Long[0, 20_000]).Select((input, cached, write, output) => new UsageCounts
    {
        Requests = 1, InputTokens = input, CachedInputTokens = (long)(input * cached), CacheWriteTokens = (long)((input - (long)(input * cached)) * write), OutputTokens = output,
    });

    private static ModelPrice Of(decimal input, decimal? cached, decimal? write, decimal output) =>
        new() { Provider = "openai", Model = "m", Currency = "USD", Input = input, CachedInput = cached, CacheWrite = write, Output = output, Version = "v" };

    [Fact]
    public void An_amount_is_the_sum_of_its_pools()
    {
        var price = new PriceFunction(Of(0.15m, 0.075m, null, 0.60m));
        price.Amount(new UsageCounts { InputTokens = 100, CachedInputTokens = 40, OutputTokens = 10 }).ShouldBe(new ExactNanos(60 * 150 + 40 * 75 + 10 * 600, 0));
        new PriceFunction(Of(0.0375m, null, null, 0m)).Amount(new UsageCounts { InputTokens = 1 }).ShouldBe(new ExactNanos(37, 500_000_000));
    }

    [Fact]
    public void The_worst_case_is_never_exceeded() =>
        Gen.Select(Price, Price, Price, Price, Usage).Sample((input, cached, write, output, usage) =>
        {
            var price = new PriceFunction(Of(input, cached, write, output));
            price.Amount(usage).Ceiling.ShouldBeLessThanOrEqualTo(price.WorstCase(usage.InputTokens, usage.OutputTokens));
        });

    [Fact]
    public void Parts_add_up_to_the_whole() =>
        Gen.Select(Price, Price, Usage, Usage).Sample((input, output, a, b) =>
        {
            var price = new PriceFunction(Of(input, null, null, output));
            var whole = new UsageCounts { InputTokens = a.InputTokens + b.InputTokens, OutputTokens = a.OutputTokens + b.OutputTokens };
            (price.Amount(a).ToDecimal() + price.Amount(b).ToDecimal()).ShouldBe(price.Amount(whole).ToDecimal());
        });

    [Theory]
    [InlineData("-1")]
    [InlineData("0.0000000000001")]
    [InlineData("1000001")]
    public void Prices_that_cannot_be_counted_are_refused(string text)
    {
        var price = Of(decimal.Parse(text, System.Globalization.CultureInfo.InvariantCulture), null, null, 1m);
        price.Mistakes().Single().Field.ShouldBe("input");
        Should.Throw<FormatException>(() => new PriceFunction(price));
    }

    [Fact]
    public void What_no_counter_holds_overflows_loudly() =>
        Should.Throw<OverflowException>(() => new PriceFunction(Of(1000m, null, null, 1000m)).WorstCase(1_000_000_000_000, 1));
}
