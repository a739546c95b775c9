using System.Buffers;
using System.Net.Http.Headers;
using Quota.Gateway.Metering;
using Quota.Shared.Usage;

namespace Quota.Gateway.Providers.Generic;

/// <summary>
/// Usage of a generic upstream's answer: bytes, and the units that were declared, rounded up to whole ones. When one of them is not found, the
/// call is estimated: by what was found, and of that one as many as were held.
/// </summary>
internal sealed class GenericUsage : UsageReader
{
    private readonly IReadOnlyList<UnitSource> _units;
    private readonly TimeProvider _clock;
    private readonly long _begin;
    private readonly decimal?[] _found;
    private readonly JsonPathReader?[] _readers;
    private long _bytes;

    public GenericUsage(IReadOnlyList<UnitSource> units, TimeProvider clock)
    {
        (_units, _clock, _begin) = (units, clock, clock.GetTimestamp());
        (_found, _readers) = (new decimal?[units.Count], new JsonPathReader?[units.Count]);
        for (var i = 0; i < units.Count; i++)
            _readers[i] = units[i].Json is { } path ? new JsonPathReader(path) : null;
        InputKnown = Counts(out _);
    }

    /// <summary>Tokens by the declared unit only, as many bytes as an estimate takes for them.</summary>
    public override long OutputBytes => InputKnown!.OutputTokens * CallMeter.BytesPerTokenEstimate;

    public override void Answered(HttpResponseHeaders headers)
    {
        for (var i = 0; i < _found.Length; i++)
        {
            if (_units[i].Header is { } name && headers.NonValidated.TryGetValues(name, out var values)
                && decimal.TryParse(values.ToString(), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number))
                _found[i] = number;
        }
        InputKnown = Counts(out _);
    }

    public override void Feed(ReadOnlySpan<byte> data, IBufferWriter<byte>? kept)
    {
        kept?.Write(data);
        _bytes += data.Length;
        foreach (var reader in _readers)
            reader?.Feed(data);
        InputKnown = InputKnown! with { BytesOut = _bytes };
    }

    public override EventStep End(IBufferWriter<byte>? kept)
    {
        foreach (var reader in _readers)
            reader?.End();
        InputKnown = Counts(out var isWhole);
        Usage = isWhole ? InputKnown : null;
        IsComplete = true;
        return EventStep.More;
    }

    /// <param name="isWhole">Whether every unit was found.</param>
    private UsageCounts Counts(out bool isWhole)
    {
        (isWhole, var counts) = (true, new UsageCounts { Requests = 1, BytesOut = _bytes });
        for (var i = 0; i < _found.Length; i++)
        {
            var number = _units[i].IsClock ? (decimal)_clock.GetElapsedTime(_begin).TotalSeconds : _readers[i]?.Value ?? _found[i];
            var isUsable = number is >= 0 and < int.MaxValue;
            isWhole &= isUsable;
            var count = isUsable ? (long)decimal.Ceiling(number!.Value) : _units[i].Most;
            counts = _units[i].Unit switch
            {
                UnitSource.Seconds => counts with { Seconds = count },
                "images" => counts with { Images = count },
                "characters" => counts with { Characters = count },
                "input_tokens" => counts with { InputTokens = count },
                "output_tokens" => counts with { OutputTokens = count },
                _ => throw new InvalidOperationException("not a unit"),
            };
        }
        return counts;
    }
}
