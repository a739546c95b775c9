using System.Buffers;
using System.Text.Json;
using Quota.Shared.Usage;
using static Quota.Gateway.Providers.UsageObject;

namespace Quota.Gateway.Providers.OpenAi;

/// <summary>
/// Usage of speech that comes as audio alone: nothing tells its tokens, so they are estimated from its characters, at three to two
/// (<see cref="SpeechRequestReader.MostTokensPerCharacter"/> says whence). As events, the last one tells them.
/// </summary>
internal sealed class SpeechUsage(long characters, long inputBytes) : UsageReader
{
    private const int BytesPerToken = 4;   // as the meter estimates
    private bool _hasBegun;

    /// <summary>As many bytes as text of so many tokens has: those of the audio say nothing.</summary>
    public override long OutputBytes => _hasBegun ? AudioTokens * BytesPerToken : 0;

    private long AudioTokens => (characters * 3 + 1) / 2;

    /// <summary>The reader of an answer to a request for speech.</summary>
    public static UsageReader For(ProviderRequest request)
    {
        var asked = new UsageCounts { Requests = 1, Characters = ChatUsage.Some(request.Characters) };
        if (request.Stream)
            return new LastEventUsage(json => Parse(json, asked), asked with { InputTokens = request.InputBytes / BytesPerToken });
        return SpeechRequestReader.IsBilledByCharacter(request.Model) ? new AskedUsage(asked) : new SpeechUsage(request.Characters, request.InputBytes);
    }

    public override void Feed(ReadOnlySpan<byte> data, IBufferWriter<byte>? kept)
    {
        kept?.Write(data);
        _hasBegun |= !data.IsEmpty;
        InputKnown ??= new UsageCounts { InputTokens = (inputBytes + BytesPerToken - 1) / BytesPerToken, Characters = ChatUsage.Some(characters), AudioOutputTokens = ChatUsage.Some(AudioTokens) };
    }

    public override EventStep End(IBufferWriter<byte>? kept)
    {
        IsComplete = _hasBegun;
        return EventStep.More;
    }

    /// <summary>The usage of <c>speech.audio.done</c>: all of its output is audio.</summary>
    private static UsageCounts? Parse(ReadOnlySpan<byte> json, UsageCounts asked) => UsageObject.Parse(json, usage =>
        Number(usage, "input_tokens") is { } input && Number(usage, "output_tokens") is { } output
            ? asked with { InputTokens = input, OutputTokens = output, AudioOutputTokens = ChatUsage.Some(output) } : null);
}
