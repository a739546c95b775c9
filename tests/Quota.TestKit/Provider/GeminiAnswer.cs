using System.Globalization;
using System.IO.Pipelines;
using System.Text;
using System.Text.Encodings.Web;

namespace Quota.TestKit;

/// <summary>
/// Writes Google's answers: one candidate, whole, as server-sent events or as one JSON array. Each element tells the totals so far; as many tokens of the
/// output as the thinking budget says are told as thoughts.
/// </summary>
internal sealed class GeminiAnswer(ChatCall call, string id, int thoughts, bool isArray, PipeWriter output) : Answer(call, output)
{
    private const string Part = """{"candidates":[{"content":{"parts":[{"text":" """;
    private bool _hasBegun;

    private string FinishReason => $",\"finishReason\":\"{(Call.IsCappedByBound ? "MAX_TOKENS" : "STOP")}\"";

    /// <inheritdoc/>
    public override byte[] Json() => Whole(Part.TrimEnd(), Tail(FinishReason, Call.OutputTokens));

    /// <inheritdoc/>
    public override void WriteStart()
    {
    }

    /// <inheritdoc/>
    public override void WriteContent(int index)
    {
        Open();
        WriteText(index);
        Close(Tail("", TokensAfter(index + 1)));
    }

    /// <inheritdoc/>
    public override void WriteEnd()
    {
        Open();
        Close(Tail(FinishReason, Call.OutputTokens));
        if (isArray)
            Write("\n]\n"u8);
    }

    private void Open()
    {
        Write(!isArray ? "data: "u8 : _hasBegun ? ",\r\n"u8 : "["u8);
        Write(Encoding.ASCII.GetBytes(Part.TrimEnd()));
        _hasBegun = true;
    }

    private void Close(string tail)
    {
        Write(Encoding.UTF8.GetBytes(tail));
        Write(isArray ? "\n"u8 : "\r\n\r\n"u8);
    }

    private string Tail(string finish, int tokens) =>
        "\"}],\"role\":\"model\"}" + finish + ",\"index\":0}]" + Usage(tokens) + $",\"modelVersion\":\"{JavaScriptEncoder.Default.Encode(Call.Model)}\",\"responseId\":\"{id}\"}}";

    private string Usage(int tokens)
    {
        if (Call.Fault == ProviderFault.NoUsage)
            return "";
        var thought = Math.Min(thoughts, tokens);
        return string.Create(CultureInfo.InvariantCulture, $",\"usageMetadata\":{{\"promptTokenCount\":{Call.InputTokens},\"candidatesTokenCount\":{tokens - thought},\"totalTokenCount\":{Call.InputTokens + tokens}")
            + string.Create(CultureInfo.InvariantCulture, $",\"promptTokensDetails\":[{{\"modality\":\"TEXT\",\"tokenCount\":{Call.InputTokens}}}]")
            + (Call.CachedInputTokens > 0 ? string.Create(CultureInfo.InvariantCulture, $",\"cachedContentTokenCount\":{Call.CachedInputTokens}") : "")
            + (thought > 0 ? string.Create(CultureInfo.InvariantCulture, $",\"thoughtsTokenCount\":{thought}}}") : "}");
    }
}
