using System.Globalization;
using System.IO.Pipelines;
using System.Text;
using System.Text.Encodings.Web;

namespace Quota.TestKit;

/// <summary>
/// Writes OpenAI's chat answers from pieces encoded once per answer or once per process: no JSON serialiser per token.
/// </summary>
internal sealed class ChatAnswer : Answer
{
    private const string UsageDetails =
        ""","prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},"completion_tokens_details":"""
        + """{"reasoning_tokens":0,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}""";

    private readonly byte[] _chunkHead;
    private readonly byte[] _chunkTail;
    private readonly string _usage;
    private readonly string _id;
    private readonly string _model;
    private readonly long _created;

    public ChatAnswer(ChatCall call, string id, long created, PipeWriter output) : base(call, output)
    {
        (_id, _created) = (id, created);
        _model = JavaScriptEncoder.Default.Encode(call.Model);
        var (words, ticks) = (call.InputTokens, call.OutputTokens);
        _usage = string.Create(CultureInfo.InvariantCulture,
            $$"""{"prompt_tokens":{{words}},"completion_tokens":{{ticks}},"total_tokens":{{words + ticks}}{{UsageDetails}}}""");
        _chunkHead = call.Stream ? Encoding.UTF8.GetBytes(Head("data: ", "chat.completion.chunk")) : [];
        _chunkTail = ReportsUsage ? ",\"usage\":null}\n\n"u8.ToArray() : "}\n\n"u8.ToArray();
    }

    private bool ReportsUsage => Call.IncludeUsage && Call.Fault != ProviderFault.NoUsage;

    private string FinishReason => Call.IsCappedByBound ? "length" : "stop";

    /// <inheritdoc/>
    public override byte[] Json()
    {
        var usage = Call.Fault == ProviderFault.NoUsage ? "" : ",\"usage\":" + _usage;
        return Whole(
            Head("", "chat.completion") + """[{"index":0,"message":{"role":"assistant","content":" """.TrimEnd(),
            "\"" + $$""","refusal":null,"annotations":[]},"logprobs":null,"finish_reason":"{{FinishReason}}"}]{{usage}}}""");
    }

    /// <summary>The role chunk.</summary>
    public override void WriteStart() =>
        WriteChunk("""[{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"logprobs":null,"finish_reason":null}]"""u8);

    /// <inheritdoc/>
    public override void WriteContent(int index)
    {
        Write(_chunkHead);
        Write("""[{"index":0,"delta":{"content":" """u8[..^1]);
        WriteText(index);
        Write("\"},\"logprobs\":null,\"finish_reason\":null}]"u8);
        Write(_chunkTail);
    }

    /// <summary>The finish chunk, the usage chunk where it was asked for, and the end marker.</summary>
    public override void WriteEnd()
    {
        WriteChunk(Call.IsCappedByBound
            ? """[{"index":0,"delta":{},"logprobs":null,"finish_reason":"length"}]"""u8
            : """[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}]"""u8);
        if (ReportsUsage)
        {
            Write(_chunkHead);
            Write(Encoding.ASCII.GetBytes($"[],\"usage\":{_usage}}}\n\n"));
        }

        Write("data: [DONE]\n\n"u8);
    }

    private string Head(string prefix, string kind) => string.Create(CultureInfo.InvariantCulture,
        $$"""{{prefix}}{"id":"{{_id}}","object":"{{kind}}","created":{{_created}},"model":"{{_model}}","service_tier":"default",""")
        + "\"system_fingerprint\":\"fp_standin\",\"choices\":";

    private void WriteChunk(ReadOnlySpan<byte> choices)
    {
        Write(_chunkHead);
        Write(choices);
        Write(_chunkTail);
    }
}
