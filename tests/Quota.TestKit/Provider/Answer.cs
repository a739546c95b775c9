using System.IO.Pipelines;
using System.Text;

namespace Quota.TestKit;

/// <summary>
/// One answer, whole or in chunks, whatever the dialect: how the tokens are shared among the chunks, and their text, which is the word
/// "tick" once per token, so a reader can count what it got.
/// </summary>
internal abstract class Answer(ChatCall call, PipeWriter output)
{
    private const int MaxChunks = 32;

    private static readonly byte[] Ticks = Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat("tick ", ChatCall.MaxOutputTokens)));

    protected ChatCall Call => call;

    /// <summary>How many content chunks the answer has: as many tokens each as asked for, else an even share.</summary>
    public int Chunks => call.Chunk == 0 ? Math.Min(call.OutputTokens, MaxChunks) : (call.OutputTokens + call.Chunk - 1) / call.Chunk;

    /// <summary>Tokens sent when the first <paramref name="chunks"/> content chunks are.</summary>
    public int TokensAfter(int chunks) => Chunks == 0 ? 0
        : call.Chunk > 0 ? Math.Min(call.OutputTokens, chunks * call.Chunk)
        : (int)((long)call.OutputTokens * chunks / Chunks);

    /// <summary>What the whole answer is; a stream is always events.</summary>
    public virtual string ContentType => "application/json";

    /// <summary>The whole answer, JSON for most.</summary>
    public abstract byte[] Json();

    /// <summary>What a stream says before its first content.</summary>
    public abstract void WriteStart();

    /// <summary>Content chunk number <paramref name="index"/>, from 0.</summary>
    public abstract void WriteContent(int index);

    /// <summary>What a stream says after its last content.</summary>
    public abstract void WriteEnd();

    /// <summary>The whole text between two pieces of JSON.</summary>
    protected byte[] Whole(string head, string tail)
    {
        var text = Text(0, call.OutputTokens);
        var answer = new byte[Encoding.UTF8.GetMaxByteCount(head.Length + tail.Length) + text.Length];
        var length = Encoding.UTF8.GetBytes(head, answer);
        text.CopyTo(answer.AsSpan(length));
        length += text.Length;
        length += Encoding.UTF8.GetBytes(tail, answer.AsSpan(length));
        return answer[..length];
    }

    /// <summary>Writes the text of that content chunk.</summary>
    protected void WriteText(int index) => Write(Text(TokensAfter(index), TokensAfter(index + 1)));

    protected void Write(ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(output.GetSpan(bytes.Length));
        output.Advance(bytes.Length);
    }

    private static ReadOnlySpan<byte> Text(int from, int to)
    {
        // Words are parted by one space, also across chunks: every chunk but the first begins with the space before its first word.
        if (to <= from)
            return [];
        return from == 0 ? Ticks.AsSpan(0, to * 5 - 1) : Ticks.AsSpan(from * 5 - 1, (to - from) * 5);
    }
}
