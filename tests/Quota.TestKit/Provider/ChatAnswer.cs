using System.Globalization;
using System.IO.Pipelines;
using System.Text;
using System.Text.Encodings.Web;

namespace Quota.TestKit;

/// <summary>
/// Writes OpenAI's chat answers from pieces encoded once per answer or once per process: no JSON serialiser per token. The text is
/// the word "tick" once per token, so a reader can count what it got.
/// </summary>
internal sealed class ChatAnswer
{
    private const int MaxChunks = 32;

    private const string UsageDetails =
        ""","prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},"completion_tokens_details":"""
        + """{"reasoning_tokens":0,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}""";

    private static readonly byte[] Ticks = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat("tick ", ChatCall.MaxOutputTokens)));

    private readonly ChatCall _call;
    private readonly PipeWriter _output;
    private readonly byte[] _chunkHead;
    private readonly byte[] _chunkTail;
    private readonly string _usage;
    private readonly string _id;
    private readonly string _model;
    private readonly long _created;

    public ChatAnswer(ChatCall call, string id, long created, PipeWriter output)
    {
        (_call, _output, _id, _created) = (call, output, id, created);
        _model = JavaScriptEncoder.Default.Encode(call.Model);
        var (words, ticks) = (call.InputTokens, call.OutputTokens);
        _usage = string.Create(CultureInfo.InvariantCulture,
            $$"""{"prompt_tokens":{{words}},"completion_tokens":{{ticks}},"total_tokens":{{words + ticks}}{{UsageDetails}}}""");
        _chunkHead = call.Stream ? Encoding.UTF8.GetBytes(Head("data: ", "chat.completion.chunk")) : [];
        _chunkTail = ReportsUsage ? ",\"usage\":null}\n\n"u8.ToArray() : "}\n\n"u8.ToArray();
    }

    private bool ReportsUsage => _call.IncludeUsage && _call.Fault != ProviderFault.NoUsage;

    private string FinishReason => _call.IsCappedByBound ? "length" : "stop";

    /// <summary>The whole JSON answer.</summary>
    public byte[] Json()
    {
        var usage = _call.Fault == ProviderFault.NoUsage ? "" : ",\"usage\":" + _usage;
        var head = Head("", "chat.completion") + """[{"index":0,"message":{"role":"assistant","content":" """.TrimEnd();
        var tail = "\"" + $$""","refusal":null,"annotations":[]},"logprobs":null,"finish_reason":"{{FinishReason}}"}]{{usage}}}""";
        var text = Text(0, _call.OutputTokens);
        var answer = new byte[Encoding.UTF8.GetMaxByteCount(head.Length + tail.Length) + text.Length];
        var length = Encoding.UTF8.GetBytes(head, answer);
        text.CopyTo(answer.AsSpan(length));
        length += text.Length;
        length += Encoding.UTF8.GetBytes(tail, answer.AsSpan(length));
        return answer[..length];
    }

    /// <summary>How many content chunks the answer has: as many tokens each as asked for, else an even share.</summary>
    public int Chunks => _call.Chunk == 0 ? Math.Min(_call.OutputTokens, MaxChunks) : (_call.OutputTokens + _call.Chunk - 1) / _call.Chunk;

    /// <summary>Tokens sent when the first <paramref name="chunks"/> content chunks are.</summary>
    public int TokensAfter(int chunks) => Chunks == 0 ? 0
        : _call.Chunk > 0 ? Math.Min(_call.OutputTokens, chunks * _call.Chunk)
        : (int)((long)_call.OutputTokens * chunks / Chunks);

    public void WriteRole() =>
        WriteChunk("""[{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"logprobs":null,"finish_reason":null}]"""u8);

    /// <summary>Content chunk number <paramref name="index"/>, from 0.</summary>
    public void WriteContent(int index)
    {
        Write(_chunkHead);
        Write("""[{"index":0,"delta":{"content":" """u8[..^1]);
        Write(Text(TokensAfter(index), TokensAfter(index + 1)));
        Write("\"},\"logprobs\":null,\"finish_reason\":null}]"u8);
        Write(_chunkTail);
    }

    /// <summary>The finish chunk, the usage chunk where it was asked for, and the end marker.</summary>
    public void WriteEnd()
    {
        Write(_chunkHead);
        Write(_call.IsCappedByBound
            ? """[{"index":0,"delta":{},"logprobs":null,"finish_reason":"length"}]"""u8
            : """[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}]"""u8);
        Write(_chunkTail);
        if (ReportsUsage)
        {
            Write(_chunkHead);
            Write(Encoding.ASCII.GetBytes($"[],\"usage\":{_usage}}}\n\n"));
        }

        Write("data: [DONE]\n\n"u8);
    }

    private static ReadOnlySpan<byte> Text(int from, int to)
    {
        // Words are parted by one space, also across chunks: every chunk but the first begins with the space before its first word.
        if (to <= from)
            return [];
        return from == 0 ? Ticks.AsSpan(0, to * 5 - 1) : Ticks.AsSpan(from * 5 - 1, (to - from) * 5);
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

    private void Write(ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(_output.GetSpan(bytes.Length));
        _output.Advance(bytes.Length);
    }
}
