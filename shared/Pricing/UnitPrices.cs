using Quota.Shared.Amounts;
using Quota.Shared.Usage;

namespace Quota.Shared.Pricing;

/// <summary>What holds in one situation (a context size, a tier, a time of day): nano-units of one token and of one of each other unit, exact.</summary>
internal sealed class UnitPrices
{
    private readonly decimal _input, _cached, _write, _write1h, _audio, _image, _output, _reasoning, _audioOutput, _imageOutput;
    private readonly decimal _request, _madeImage, _second, _character;
    private readonly Dictionary<string, decimal> _tools;

    public UnitPrices(Rates rates, Currency currency)
    {
        var perOne = (decimal)NanoUnits.PerMajor(currency);
        decimal Token(params ReadOnlySpan<Rate> firstOf)
        {
            foreach (var rate in firstOf)
            {
                if (rates[rate] is { } price)
                    return price * (perOne / 1_000_000);
            }
            return 0;
        }
        _input = Token(Rate.Input);
        _cached = Token(Rate.CachedInput, Rate.Input);
        _write = Token(Rate.CacheWrite, Rate.Input);
        _write1h = Token(Rate.CacheWrite1h, Rate.CacheWrite, Rate.Input);
        _audio = Token(Rate.AudioInput, Rate.Input);
        _image = Token(Rate.ImageInput, Rate.Input);
        _output = Token(Rate.Output);
        _reasoning = Token(Rate.Reasoning, Rate.Output);
        _audioOutput = Token(Rate.AudioOutput, Rate.Output);
        _imageOutput = Token(Rate.ImageOutput, Rate.Output);
        _request = (rates[Rate.PerRequest] ?? 0) * perOne;
        _madeImage = (rates[Rate.PerImage] ?? 0) * perOne;
        _second = (rates[Rate.PerSecond] ?? 0) * perOne;
        _character = (rates[Rate.PerCharacter] ?? 0) * perOne;
        _tools = (rates.Tools ?? new Dictionary<string, decimal>()).ToDictionary(tool => tool.Key, tool => tool.Value * perOne);
    }

    /// <summary>
    /// The exact amount. Each token is charged once: a pool takes at most what those before it leave, in the order cached, written for an
    /// hour, written, audio, images, the rest. Audio that was cached is told in both, so this charges no token twice.
    /// </summary>
    public decimal Amount(UsageCounts usage)
    {
        var hourly = Math.Min(usage.CacheWrite1hTokens ?? 0, usage.CacheWriteTokens);
        var left = usage.InputTokens;
        var input = Take(ref left, usage.CachedInputTokens) * _cached + Take(ref left, hourly) * _write1h + Take(ref left, usage.CacheWriteTokens - hourly) * _write
            + Take(ref left, usage.AudioInputTokens) * _audio + Take(ref left, usage.ImageTokens) * _image + left * _input;
        left = usage.OutputTokens;
        var output = Take(ref left, usage.ReasoningTokens) * _reasoning + Take(ref left, usage.AudioOutputTokens) * _audioOutput
            + Take(ref left, usage.ImageOutputTokens) * _imageOutput + left * _output;
        return input + output + usage.Requests * _request + Units(usage.Images, usage.Seconds, usage.Characters, usage.ToolCalls);
    }

    /// <summary>The most that a call within these bounds can cost in this situation.</summary>
    public WorstPrice WorstCase(CallBounds bounds) => new(
        Dearest(_input, _cached, bounds.WritesCache ? _write : 0, bounds.WritesCacheForAnHour ? _write1h : 0, bounds.HasAudio ? _audio : 0, bounds.HasImages ? _image : 0),
        Dearest(_output, _reasoning, bounds.HasAudio ? _audioOutput : 0, _imageOutput),
        _request + Units(bounds.Images, bounds.Seconds, bounds.Characters, bounds.ToolCalls));

    private decimal Units(long? images, long? seconds, long? characters, IReadOnlyDictionary<string, long>? toolCalls)
    {
        var sum = (images ?? 0) * _madeImage + (seconds ?? 0) * _second + (characters ?? 0) * _character;
        foreach (var (name, count) in toolCalls ?? new Dictionary<string, long>())
            sum += count * _tools.GetValueOrDefault(name);
        return sum;
    }

    private static long Take(ref long left, long? wanted)
    {
        var taken = Math.Min(left, wanted ?? 0);
        left -= taken;
        return taken;
    }

    private static decimal Dearest(params ReadOnlySpan<decimal> prices)
    {
        var dearest = 0m;
        foreach (var price in prices)
            dearest = Math.Max(dearest, price);
        return dearest;
    }
}
