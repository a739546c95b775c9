using CsCheck;
using Quota.Shared.Amounts;
using Quota.Shared.Pricing;
using Quota.Shared.Usage;

namespace Quota.Shared.Tests.Pricing;

public sealed class PriceFunctionTests
{
    private static readonly Gen<decimal> Price = Gen.Long[0, 100_000_000_000_000].Select(units => units / 1_000_000_000_000m);   // up to 12 decimals

    // The part kept for an hour may be absent, and may be said to be more than all cache writes.
    private static readonly Gen<UsageCounts> Usage = Gen.Select(
        Gen.Long[0, 200_000], Gen.Double[0, 1], Gen.Double[0, 1], Gen.Double[0, 1.5].Nullable(), Gen.Long[0, 20_000]).Select((input, cached, write, hour, output) =>
    {
        var writes = (long)((input - (long)(input * cached)) * write);
        return new UsageCounts
        {
            Requests = 1, InputTokens = input, CachedInputTokens = (long)(input * cached), CacheWriteTokens = writes, CacheWrite1hTokens = (long?)(writes * hour), OutputTokens = output,
        };
    });

    private static ModelPrice Of(decimal input, decimal? cached, decimal? write, decimal output, decimal? write1h = null) => new()
    {
        Provider = "openai", Model = "m", Currency = "USD", Input = input, CachedInput = cached, CacheWrite = write, CacheWrite1h = write1h, Output = output, Version = "v",
    };

    [Fact]
    public void An_amount_is_the_sum_of_its_pools()
    {
        var price = new PriceFunction(Of(0.15m, 0.075m, null, 0.60m));
        price.Amount(new UsageCounts { InputTokens = 100, CachedInputTokens = 40, OutputTokens = 10 }).ShouldBe(new ExactNanos(60 * 150 + 40 * 75 + 10 * 600, 0));
        new PriceFunction(Of(0.0375m, null, null, 0m)).Amount(new UsageCounts { InputTokens = 1 }).ShouldBe(new ExactNanos(37, 500_000_000));
    }

    [Fact]
    public void Cache_writes_of_an_hour_have_their_own_price()
    {
        var usage = new UsageCounts { InputTokens = 100, CachedInputTokens = 20, CacheWriteTokens = 50, CacheWrite1hTokens = 30 };
        ExactNanos Amount(decimal? write, decimal? write1h) => new PriceFunction(Of(3m, 0.3m, write, 0m, write1h)).Amount(usage);
        const long Rest = 30 * 3_000 + 20 * 300;
        Amount(3.75m, 6m).ShouldBe(new ExactNanos(Rest + 20 * 3_750 + 30 * 6_000, 0));
        Amount(3.75m, null).ShouldBe(new ExactNanos(Rest + 50 * 3_750, 0), "as cache_write");
        Amount(null, 6m).ShouldBe(new ExactNanos(Rest + 20 * 3_000 + 30 * 6_000, 0), "the others as input");
        Amount(null, null).ShouldBe(new ExactNanos(Rest + 50 * 3_000, 0), "as input");
        var price = new PriceFunction(Of(3m, null, 3.75m, 0m, 6m));
        (price.PerInputToken(false, false), price.PerInputToken(true, false), price.PerInputToken(true, true)).ShouldBe((3_000m, 3_750m, 6_000m));
    }

    [Fact]
    public void Lifetimes_of_one_price_change_no_amount() =>
        Gen.Select(Price, Price, Usage).Sample((input, write, usage) =>
        {
            var apart = new PriceFunction(Of(input, null, write, 0m, write)).Amount(usage);
            apart.ShouldBe(new PriceFunction(Of(input, null, write, 0m)).Amount(usage with { CacheWrite1hTokens = null }));
        });

    [Fact]
    public void Never_more_than_all_cache_writes_are_kept_for_an_hour() =>
        Gen.Select(Price, Price, Price, Usage, Gen.Long[0, long.MaxValue]).Sample((input, write, write1h, usage, more) =>
        {
            var price = new PriceFunction(Of(input, null, write, 0m, write1h));
            price.Amount(usage with { CacheWrite1hTokens = Math.Max(more, usage.CacheWriteTokens) })
                .ShouldBe(price.Amount(usage with { CacheWrite1hTokens = usage.CacheWriteTokens }));
        });

    [Fact]
    public void The_worst_case_is_never_exceeded() =>
        Gen.Select(Price, Price.Nullable(), Price.Nullable(), Price.Nullable(), Price, Usage).Sample((input, cached, write, write1h, output, usage) =>
        {
            var price = new PriceFunction(Of(input, cached, write, output, write1h));
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
        Of(1m, null, null, 1m, price.Input).Mistakes().Single().Field.ShouldBe("cache_write_1h");
    }

    [Fact]
    public void What_no_counter_holds_overflows_loudly() =>
        Should.Throw<OverflowException>(() => new PriceFunction(Of(1000m, null, null, 1000m)).WorstCase(1_000_000_000_000, 1));
}
