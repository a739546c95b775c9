using System.Buffers;
using System.Text.Json;
using Quota.Gateway.Providers.Anthropic;
using Quota.Gateway.Providers.Framing;
using Quota.Shared.Usage;

namespace Quota.Gateway.Providers.Bedrock;

/// <summary>
/// Usage of an invoked model's stream (docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModelWithResponseStream.html): each <c>chunk</c> holds, as base64
/// in <c>bytes</c>, an event of the model's own grammar, and the last of them <c>amazon-bedrock-invocationMetrics</c>, whichever the model.
/// </summary>
/// <param name="family">Null for Anthropic's.</param>
internal sealed class InvokeStreamUsage(ModelFamily? family) : EventUsage<BlockProgress>(events => new AwsEventReader(events))
{
    private MessagesUsage _messages;

    public override void WriteEnding(IBufferWriter<byte> output, UsageCounts counted)
    {
        if (Now.HasEnded)
            return;
        foreach (var said in InvokeEnding.Chunks(family, Now, counted))
            AwsEventWriter.Write(output, "chunk", JsonText.Of(json => json.WriteBase64String("bytes", said)));
    }

    /// <summary>The client may see every event.</summary>
    protected override bool OnEvent(EventPiece piece)
    {
        if (piece.IsError)
            return true;
        try
        {
            ReadChunk(piece.Data);
        }
        catch (Exception problem) when (problem is JsonException or InvalidOperationException or FormatException)
        {
            Now.TextBytes += piece.Data.Length;   // what cannot be read counts whole
        }
        return true;
    }

    private void ReadChunk(ReadOnlySpan<byte> data)
    {
        var json = new Utf8JsonReader(data);
        if (!JsonElement.TryParseValue(ref json, out var chunk) || chunk is not { ValueKind: JsonValueKind.Object } it || !it.TryGetProperty("bytes", out var bytes))
            return;
        var text = bytes.GetBytesFromBase64();
        json = new Utf8JsonReader(text);
        if (!JsonElement.TryParseValue(ref json, out var said) || said is not { ValueKind: JsonValueKind.Object } inner)
            return;
        if (family is null)
            ReadMessages(inner, text);
        else
            ReadOther(inner);
        if (!inner.TryGetProperty(InvokeEnding.Metrics, out var metrics) || metrics.ValueKind != JsonValueKind.Object)
            return;
        IsComplete = Now.HasEnded = true;
        if (Usage is null)   // what the model's maker says tells more
            Take(BedrockUsage.OfMetrics(metrics), metrics);
    }

    /// <summary>An event of Anthropic's Messages.</summary>
    private void ReadMessages(JsonElement said, ReadOnlySpan<byte> text)
    {
        switch (BedrockTier.Word(said, "type"))
        {
            case "message_start" when said.TryGetProperty("message", out var message) && message.ValueKind == JsonValueKind.Object:
                Now.HasBegun = true;
                ResponseModel = message.TryGetProperty("model", out var model) && model.GetString() is { Length: > 0 and <= 256 } name ? name : null;
                ReadUsage(message, isTotal: false);
                break;
            case "content_block_start" when said.TryGetProperty("content_block", out var block):
                Now.OpenBlock = BlockProgress.IndexOf(said, "index");
                Now.TextBytes += MessagesDelta.TextBytesOf(block);
                break;
            case "content_block_delta":
                var json = new Utf8JsonReader(text);
                Add(MessagesDelta.TextBytes(ref json) ?? 0);
                break;
            case "content_block_stop":
                Now.OpenBlock = null;
                break;
            case "message_delta":
                Now.HasStopped = true;
                ReadUsage(said, isTotal: true);
                break;
            case "message_stop":
                IsComplete = Now.HasEnded = true;
                break;
        }
    }

    private void ReadUsage(JsonElement parent, bool isTotal)
    {
        if (!parent.TryGetProperty("usage", out var usage) || MessagesUsage.Of(usage) is not { } numbers)
            return;
        _messages = _messages.With(numbers);
        InputKnown = _messages.With(new MessagesUsage { Output = 0 }).Counts;
        if (isTotal && numbers.Output is not null)
            Take(_messages.Counts, usage);
    }

    /// <summary>Nova's chunks are Converse's events, each as the one field of an object; others hold text in fields of their own.</summary>
    private void ReadOther(JsonElement said)
    {
        foreach (var field in said.EnumerateObject())
        {
            if (field.Value.ValueKind == JsonValueKind.Object)
                Now.See(System.Text.Encoding.UTF8.GetBytes(field.Name), field.Value);
            if (field.Name is "generation" or "outputText" or "text" or "outputs" or "choices")
                Add(BlockProgress.TextOf(field.Value));
            if (field.Name == "metadata" && field.Value.TryGetProperty("usage", out var usage))
                Take(BedrockUsage.OfTokens(usage), usage);
        }
    }

    private void Add(long bytes)
    {
        Now.TextBytes += bytes;
        Now.TextEvents += bytes > 0 ? 1 : 0;
    }

    private void Take(UsageCounts? counts, JsonElement raw)
    {
        if (counts is not null)
            (Usage, UsageRaw) = (counts, System.Text.Encoding.UTF8.GetBytes(raw.GetRawText()));
    }
}
