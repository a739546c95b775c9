using System.Buffers;
using System.Text.Json;
using Quota.Gateway.Providers.Framing;
using Quota.Shared.Usage;

namespace Quota.Gateway.Providers.Bedrock;

/// <summary>
/// Usage of a conversation that streams (docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html): after <c>messageStop</c> the
/// event <c>metadata</c> tells it, and is the last. An exception may come instead of any event, and then no usage.
/// </summary>
internal sealed class ConverseStreamUsage() : EventUsage<BlockProgress>(events => new AwsEventReader(events))
{
    public override void WriteEnding(IBufferWriter<byte> output, UsageCounts counted)
    {
        if (Now.HasEnded)
            return;
        foreach (var (name, payload) in ConverseEnding.Events(Now, counted))
            AwsEventWriter.Write(output, name, payload);
    }

    /// <summary>The client may see every event.</summary>
    protected override bool OnEvent(EventPiece piece)
    {
        if (piece.IsError)
            return true;
        try
        {
            var json = new Utf8JsonReader(piece.Data);
            if (JsonElement.TryParseValue(ref json, out var it) && it is { ValueKind: JsonValueKind.Object } said)
                Read(piece.Name, said);
        }
        catch (Exception problem) when (problem is JsonException or InvalidOperationException)
        {
            Now.TextBytes += piece.Data.Length;   // what cannot be read counts whole
        }
        return true;
    }

    private void Read(ReadOnlySpan<byte> name, JsonElement said)
    {
        Now.See(name, said);
        if (!name.SequenceEqual("metadata"u8))
            return;
        ServiceTier = BedrockTier.Served(BedrockTier.Word(Field(said, "serviceTier"), "type"), BedrockTier.Word(Field(said, "performanceConfig"), "latency"));
        IsComplete = Now.HasEnded = true;
        if (said.TryGetProperty("usage", out var usage) && usage.ValueKind == JsonValueKind.Object && BedrockUsage.OfTokens(usage) is { } counts)
            (Usage, UsageRaw) = (counts, System.Text.Encoding.UTF8.GetBytes(usage.GetRawText()));
    }

    private static JsonElement Field(JsonElement parent, string field) => parent.TryGetProperty(field, out var value) ? value : default;
}
