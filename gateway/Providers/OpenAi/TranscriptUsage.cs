using System.Buffers;
using System.Text.Json;
using Quota.Shared.Usage;
using static Quota.Gateway.Providers.UsageObject;

namespace Quota.Gateway.Providers.OpenAi;

/// <summary>
/// Usage of a transcript: JSON with tokens, or with the seconds that were billed; events of which the last tells it; or plain text, subtitles,
/// which tell nothing. Which it is, its first bytes say: where a form passes unread, nobody knows what was asked for.
/// </summary>
internal sealed class TranscriptUsage : UsageReader
{
    private static readonly SearchValues<byte> Blanks = SearchValues.Create(" \t\r\n"u8);

    /// <summary>A tenth of a second is a token (platform.openai.com/docs/guides/realtime-costs, user audio).</summary>
    private const long AudioTokensPerSecond = 10;

    private readonly UsageCounts _known;
    private readonly bool _countsSeconds;
    private JsonFieldScanner? _json;
    private LastEventUsage? _events;
    private bool _isText;
    private long _bytes;

    public TranscriptUsage(ProviderRequest request)
    {
        // What the bytes usually last, should nothing tell: a WAV file's header said it exactly.
        var seconds = Math.Min(request.Seconds, (request.InputBytes + AudioLength.UsualBytesPerSecond - 1) / AudioLength.UsualBytesPerSecond);
        _countsSeconds = request.OutputBound == 0;
        _known = _countsSeconds ? new UsageCounts { Requests = 1, Seconds = seconds }
            : new UsageCounts { Requests = 1, InputTokens = seconds * AudioTokensPerSecond, AudioInputTokens = ChatUsage.Some(seconds * AudioTokensPerSecond), Seconds = seconds };
    }

    public override long OutputBytes => _countsSeconds ? 0 : _events?.OutputBytes ?? _bytes;

    public override void Feed(ReadOnlySpan<byte> data, IBufferWriter<byte>? kept)
    {
        kept?.Write(data);
        InputKnown ??= _known;
        _bytes += data.Length;
        if (_json is null && _events is null && !_isText && data.IndexOfAnyExcept(Blanks) is >= 0 and var first)
            Recognise(data[first]);
        _events?.Feed(data, null);
        _json?.Feed(data);
        TakeOver();
    }

    public override EventStep End(IBufferWriter<byte>? kept)
    {
        _events?.End(null);
        TakeOver();
        IsComplete |= _isText;
        return EventStep.More;
    }

    /// <summary>
    /// JSON is an object, events begin with the name of a field. A text may begin with a <c>d</c> or an <c>e</c>, too: then no event is found in
    /// it, and it is estimated all the same.
    /// </summary>
    private void Recognise(byte first)
    {
        if (first == '{')
            _json = new JsonFieldScanner("usage", "duration");
        else if (first is (byte)'d' or (byte)'e' or (byte)':')
            _events = new LastEventUsage(Parse);
        else
            _isText = true;
    }

    private void TakeOver()
    {
        if (_events is not null)
            (Usage, UsageRaw, IsComplete) = (_events.Usage, _events.UsageRaw, _events.IsComplete);
        if (_json is not { IsComplete: true } || IsComplete)
            return;
        IsComplete = true;
        if (_json.Value("usage") is { } raw && Parse(raw) is { } usage)
            (Usage, UsageRaw) = (usage, raw);
        else if (_json.Value("duration") is { } duration && SecondsOf(JsonOf(duration)) is { } seconds)   // verbose_json of before there was a usage
            Usage = new UsageCounts { Requests = 1, Seconds = seconds };
    }

    /// <summary>Tokens (TranscriptTextUsageTokens) or seconds (TranscriptTextUsageDuration), billed whole.</summary>
    private static UsageCounts? Parse(ReadOnlySpan<byte> json) => UsageObject.Parse(json, usage =>
    {
        if (usage.TryGetProperty("seconds", out var length))
            return SecondsOf(length) is { } seconds ? new UsageCounts { Requests = 1, Seconds = seconds } : null;
        var audio = Detail(usage, "input_token_details", "audio_tokens");
        return Number(usage, "input_tokens") is not { } input || Number(usage, "output_tokens") is not { } output || audio > input ? null
            : new UsageCounts { Requests = 1, InputTokens = input, AudioInputTokens = ChatUsage.Some(audio), OutputTokens = output };
    });

    private static long? SecondsOf(JsonElement? number) =>
        number is { ValueKind: JsonValueKind.Number } it && it.TryGetDecimal(out var seconds) && seconds is >= 0 and < int.MaxValue ? (long)decimal.Ceiling(seconds) : null;

    private static JsonElement? JsonOf(byte[] json)
    {
        try
        {
            return JsonElement.Parse(json);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
