using System.Buffers;
using Quota.Shared.Usage;

namespace Quota.Gateway.Providers.OpenAi;

/// <summary>
/// Usage of a stream whose last event tells it: images (<c>image_generation.completed</c>, <c>image_edit.completed</c>), speech
/// (<c>speech.audio.done</c>), transcripts (<c>transcript.text.done</c>). That event may hold a whole image of megabytes, so events are not kept:
/// only the fields wanted are. Such a stream is never cut.
/// </summary>
/// <param name="parse">The counts of a usage object; null when it is none.</param>
/// <param name="known">What is known of its input should no usage come.</param>
internal sealed class LastEventUsage(JsonUsage.ParseUsage parse, UsageCounts? known = null) : UsageReader
{
    private static ReadOnlySpan<byte> Data => "data:"u8;

    private JsonFieldScanner? _event;   // of the line in progress, when it holds data
    private int _begun;   // how many bytes of "data:" the line began with; -1: it began otherwise
    private long _bytes;

    /// <summary>For an estimate: what stands around the text counts as text.</summary>
    public override long OutputBytes => _bytes;

    public override void Feed(ReadOnlySpan<byte> data, IBufferWriter<byte>? kept)
    {
        kept?.Write(data);
        InputKnown ??= known;
        while (!data.IsEmpty)
        {
            var end = data.IndexOfAny((byte)'\n', (byte)'\r');
            Read(end < 0 ? data : data[..end]);
            if (end < 0)
                return;
            EndLine();
            data = data[(end + 1)..];
        }
    }

    /// <summary>The last line may lack its end.</summary>
    public override EventStep End(IBufferWriter<byte>? kept)
    {
        EndLine();
        return EventStep.More;
    }

    private void Read(ReadOnlySpan<byte> line)
    {
        while (!line.IsEmpty && _begun >= 0 && _begun < Data.Length)
        {
            _begun = line[0] == Data[_begun] ? _begun + 1 : -1;
            line = line[1..];
        }
        if (_begun != Data.Length)
            return;
        _event ??= new JsonFieldScanner("type", "usage");
        _event.Feed(line);
        _bytes += line.Length;
    }

    private void EndLine()
    {
        var (it, type) = (_event, ModelName.Parse(_event?.Value("type")));
        (_event, _begun) = (null, 0);
        if (it is not { IsComplete: true } || type is null || !(type.EndsWith(".completed", StringComparison.Ordinal) || type.EndsWith(".done", StringComparison.Ordinal)))
            return;
        if (it.Value("usage") is { } raw && parse(raw) is { } usage)
            (Usage, UsageRaw) = (usage, raw);
        IsComplete = true;
    }
}
