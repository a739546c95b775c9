using System.Buffers;
using System.Net.Http.Headers;
using System.Text.Json;
using Quota.Gateway.Providers.Framing;
using Quota.Shared.Usage;

namespace Quota.Gateway.Providers.Gemini;

/// <summary>
/// Usage of streamed content (ai.google.dev/api/generate-content#method:-models.streamgeneratecontent): running totals in most elements, of which the last
/// counts. They are the call's usage once every candidate has ended; before that they only say what it has used at least.
/// </summary>
/// <param name="isEvents">Server-sent events, else one JSON array.</param>
internal sealed class GenerateContentStreamUsage(bool isEvents, int choices)
    : EventUsage<GenerateContentStreamUsage.Progress>(events => isEvents ? new SseEventReader(events) : new JsonArrayReader(events))
{
    private UsageCounts? _totals;
    private byte[]? _totalsRaw, _id;

    internal record struct Progress : IEventProgress
    {
        public long TextBytes { get; set; }

        public long TextEvents { get; set; }

        /// <summary>Output by the last totals: what is hidden has no bytes.</summary>
        public long ToldTokens { get; set; }

        public long Elements { get; set; }

        /// <summary>As in <see cref="GenerateContentChunk.Finished"/>.</summary>
        public ulong Finished { get; set; }

        public bool IsBlocked { get; set; }

        public readonly bool HasEnded(int choices) => IsBlocked || System.Numerics.BitOperations.PopCount(Finished) >= choices;
    }

    public override long OutputBytes => Math.Max(base.OutputBytes, Now.ToldTokens);

    public override long TextEvents => Math.Max(base.TextEvents, Now.ToldTokens);

    public override void Answered(HttpResponseHeaders headers) => ServiceTier = GeminiTier.Of(headers);

    /// <summary>Nothing in a stream of events says that it was the last: totals may follow those of the element that ends a candidate.</summary>
    public override EventStep End(IBufferWriter<byte>? kept)
    {
        var step = base.End(kept);
        if (Now.IsBlocked || Now.Finished != 0)
            Conclude();
        return step;
    }

    public override void WriteEnding(IBufferWriter<byte> output, UsageCounts counted)
    {
        output.Write(isEvents ? "data: "u8 : Now.Elements == 0 ? "["u8 : ",\r\n"u8);
        GenerateContentEnding.Write(output, choices, Now.Finished, ResponseModel, _id, counted);
        output.Write(isEvents ? "\r\n\r\n"u8 : "]"u8);
    }

    /// <summary>The client may see every event.</summary>
    protected override bool OnEvent(EventPiece piece)
    {
        if (piece.Name is [(byte)']'])
        {
            if (Now.IsBlocked || Now.Finished != 0)
                Conclude();
            return true;
        }
        Now.Elements++;
        try
        {
            Take(GenerateContentChunk.Read(piece.Data));
        }
        catch (Exception problem) when (problem is JsonException or InvalidOperationException)
        {
            Now.TextBytes += piece.Data.Length;   // what cannot be read counts whole
        }
        return true;
    }

    private void Take(GenerateContentChunk chunk)
    {
        Now.TextBytes += chunk.TextBytes;
        Now.TextEvents += chunk.TextBytes > 0 ? 1 : 0;
        Now.Finished |= chunk.Finished;
        Now.IsBlocked |= chunk.IsBlocked;
        ResponseModel ??= ModelName.Parse(chunk.Model);
        if (_id is null && chunk.Id.Length is > 2 and <= 256)
            _id = chunk.Id.ToArray();
        if (chunk.Usage.Length is > 0 and <= JsonFieldScanner.MaxValueBytes && GenerateContentUsage.Parse(chunk.Usage) is { } totals)
            Take(totals, chunk.Usage);
        if (Now.HasEnded(choices))
            (Usage, UsageRaw) = (_totals, _totalsRaw);
    }

    private void Take(UsageCounts totals, ReadOnlySpan<byte> raw)
    {
        (_totals, _totalsRaw) = (totals, raw.ToArray());
        Now.ToldTokens = totals.OutputTokens;
        InputKnown = totals with { OutputTokens = 0, ReasoningTokens = 0, AudioOutputTokens = null, ImageOutputTokens = null };
        ServiceTier = GeminiTier.Of(raw) ?? ServiceTier;
    }

    private void Conclude()
    {
        (Usage, UsageRaw) = (_totals, _totalsRaw);
        IsComplete = true;
    }
}
