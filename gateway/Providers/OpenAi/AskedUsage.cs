using System.Buffers;
using Quota.Shared.Usage;

namespace Quota.Gateway.Providers.OpenAi;

/// <summary>Usage of a call that is billed by what was asked for, and whose answer tells none: each image of DALL·E, each character that <c>tts-1</c> speaks.</summary>
internal sealed class AskedUsage(UsageCounts asked) : UsageReader
{
    private long _bytes;

    public override long OutputBytes => 0;

    public override void Feed(ReadOnlySpan<byte> data, IBufferWriter<byte>? kept)
    {
        kept?.Write(data);
        _bytes += data.Length;
        InputKnown ??= asked;
    }

    public override EventStep End(IBufferWriter<byte>? kept)
    {
        if (_bytes > 0)
            (Usage, IsComplete) = (asked, true);
        return EventStep.More;
    }
}
