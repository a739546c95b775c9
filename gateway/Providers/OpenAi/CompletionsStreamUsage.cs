using System.Buffers;
using System.Runtime.InteropServices;
using System.Text.Json;
using Quota.Gateway.Providers.Framing;
using Quota.Shared.Usage;

namespace Quota.Gateway.Providers.OpenAi;

/// <summary>
/// Usage of streamed completions, the older form: chunks hold <c>choices[].text</c>, and where it was asked for, one without choices holds
/// usage (platform.openai.com/docs/api-reference/completions/object).
/// </summary>
internal sealed class CompletionsStreamUsage(bool hidesUsage, int choices, OpenAiLike like) : EventUsage<CompletionsStreamUsage.Progress>(events => new SseEventReader(events))
{
    /// <summary>So many can be told apart, to finish each of them.</summary>
    public const int MostChoices = 128;

    private byte[]? _lastChunk;   // what an ending is modelled on

    internal record struct Progress : IEventProgress
    {
        /// <summary>A bit for each choice.</summary>
        public UInt128 Finished;

        public long TextBytes { get; set; }

        public long TextEvents { get; set; }
    }

    public override void WriteEnding(IBufferWriter<byte> output, UsageCounts counted)
    {
        var ending = new CompletionsEnding(output, _lastChunk, ResponseModel, asksUsage: !hidesUsage);
        for (var choice = 0; choice < choices; choice++)
        {
            if ((Now.Finished & UInt128.One << choice) == 0)
                ending.Finish(choice);
        }
        ending.Done(counted);
    }

    /// <summary>Answers whether the client may see the event.</summary>
    protected override bool OnEvent(EventPiece piece)
    {
        if (piece.Data.SequenceEqual("[DONE]"u8))
        {
            IsComplete = true;
            return true;
        }
        try
        {
            var reader = new Utf8JsonReader(piece.Data);
            return !JsonElement.TryParseValue(ref reader, out var parsed) || parsed is not { ValueKind: JsonValueKind.Object } chunk || Read(chunk, piece.Data);
        }
        catch (Exception problem) when (problem is JsonException or InvalidOperationException)
        {
            Now.TextBytes += piece.Data.Length;   // what cannot be read counts whole
            return true;
        }
    }

    private bool Read(JsonElement chunk, ReadOnlySpan<byte> data)
    {
        ResponseModel ??= chunk.TryGetProperty("model", out var model) ? ModelName.Parse(System.Text.Encoding.UTF8.GetBytes(model.GetRawText())) : null;
        ServiceTier ??= chunk.TryGetProperty("service_tier", out var tier) && tier.ValueKind == JsonValueKind.String ? tier.GetString() : null;
        var isEmpty = true;
        if (chunk.TryGetProperty("choices", out var choices) && choices.ValueKind == JsonValueKind.Array)
        {
            foreach (var choice in choices.EnumerateArray())
            {
                isEmpty = false;
                ReadChoice(choice);
            }
        }
        if (!isEmpty && data.Length <= JsonFieldScanner.MaxValueBytes)
            _lastChunk = data.ToArray();
        if (!chunk.TryGetProperty("usage", out var usage) || usage.ValueKind != JsonValueKind.Object)
            return true;
        var raw = System.Text.Encoding.UTF8.GetBytes(usage.GetRawText());
        if (raw.Length <= JsonFieldScanner.MaxValueBytes && like.Usage(raw) is { } counts)
            (Usage, UsageRaw, ProviderCost) = (counts, raw, like.Cost?.Invoke(raw) ?? ProviderCost);
        return !(hidesUsage && isEmpty);
    }

    private void ReadChoice(JsonElement choice)
    {
        if (choice.ValueKind != JsonValueKind.Object)
            return;
        if (choice.TryGetProperty("text", out var text) && text.ValueKind == JsonValueKind.String && JsonMarshal.GetRawUtf8Value(text)[1..^1] is { IsEmpty: false } written)
        {
            (Now.TextBytes, Now.TextEvents) = (Now.TextBytes + written.Length, Now.TextEvents + 1);
            Text?.Add(written);
        }
        var index = UsageObject.Number(choice, "index") ?? 0;
        if (index < MostChoices && choice.TryGetProperty("finish_reason", out var reason) && reason.ValueKind == JsonValueKind.String)
            Now.Finished |= UInt128.One << (int)index;
    }
}
