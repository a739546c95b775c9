using Quota.Shared.Amounts;
using Quota.Shared.Usage;

namespace Quota.Shared.Pricing;

/// <summary>
/// Turns quantities into money, exactly, in nano-units. This first kind is linear: a price per token of each pool.
/// Input is split into uncached, cached and cache-write tokens, those again into what is kept for minutes and for an hour; output includes
/// reasoning.
/// </summary>
/// <remarks>Pure and immutable. Amounts are exact because prices have at most 12 decimals per million tokens.</remarks>
public sealed class PriceFunction
{
    private readonly decimal _input, _cachedInput, _cacheWrite, _cacheWrite1h, _output, _dearestInput;

    /// <exception cref="FormatException">The price has mistakes; see <see cref="ModelPrice.Mistakes"/>.</exception>
    public PriceFunction(ModelPrice price)
    {
        if (price.Mistakes().FirstOrDefault() is { Field: { } field, Problem: { } problem })
            throw new FormatException($"{price.Provider}/{price.Model} {field}: {problem}");
        Price = price;
        Currency = Currency.Parse(price.Currency);
        var nanosPerToken = NanoUnits.PerMajor(Currency) / 1_000_000m;
        _input = price.Input * nanosPerToken;
        _cachedInput = (price.CachedInput ?? price.Input) * nanosPerToken;
        _cacheWrite = (price.CacheWrite ?? price.Input) * nanosPerToken;
        _cacheWrite1h = (price.CacheWrite1h ?? price.CacheWrite ?? price.Input) * nanosPerToken;
        _output = price.Output * nanosPerToken;
        _dearestInput = Math.Max(Math.Max(_input, _cachedInput), Math.Max(_cacheWrite, _cacheWrite1h));
    }

    public ModelPrice Price { get; }

    public Currency Currency { get; }

    /// <summary>Nano-units of one output token, exact.</summary>
    public decimal PerOutputToken => _output;

    /// <summary>Nano-units of one input token at its dearest, exact: for a request that has nothing written to a cache, that, or that for an hour, too.</summary>
    public decimal PerInputToken(bool writesCache, bool writesForAnHour) =>
        Math.Max(Math.Max(_input, _cachedInput), Math.Max(writesCache ? _cacheWrite : 0, writesForAnHour ? _cacheWrite1h : 0));

    /// <summary>The exact amount of what was used. Of the cache writes, at most all are taken as kept for an hour.</summary>
    /// <exception cref="OverflowException">2⁵³ nano-units or more.</exception>
    public ExactNanos Amount(UsageCounts usage)
    {
        var uncached = Math.Max(0, usage.InputTokens - usage.CachedInputTokens - usage.CacheWriteTokens);
        var hourly = Math.Min(usage.CacheWrite1hTokens ?? 0, usage.CacheWriteTokens);
        return ExactNanos.From(uncached * _input + usage.CachedInputTokens * _cachedInput
            + (usage.CacheWriteTokens - hourly) * _cacheWrite + hourly * _cacheWrite1h + usage.OutputTokens * _output);
    }

    /// <summary>Whole nano-units that no call within these bounds can exceed: every input token at its dearest.</summary>
    /// <exception cref="OverflowException">2⁵³ nano-units or more: the request can never fit.</exception>
    public long WorstCase(long inputTokens, long outputTokens) =>
        ExactNanos.From(inputTokens * _dearestInput + outputTokens * _output).Ceiling;
}
