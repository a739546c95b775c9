using System.Globalization;
using System.IO.Pipelines;
using System.Text;
using System.Text.Encodings.Web;

namespace Quota.TestKit;

/// <summary>Writes OpenAI's completions, the older form.</summary>
internal sealed class CompletionsAnswer(ChatCall call, string id, long created, PipeWriter output) : Answer(call, output)
{
    private string Usage => string.Create(CultureInfo.InvariantCulture,
        $$"""{"prompt_tokens":{{Call.InputTokens}},"completion_tokens":{{Call.OutputTokens}},"total_tokens":{{Call.InputTokens + Call.OutputTokens}}}""");

    private string Finish => Call.IsCappedByBound ? "\"length\"" : "\"stop\"";

    /// <inheritdoc/>
    public override byte[] Json() => Whole(
        "{" + Shared + ",\"choices\":[{\"text\":\"",
        "\",\"index\":0,\"logprobs\":null,\"finish_reason\":" + Finish + "}]" + (Call.Fault == ProviderFault.NoUsage ? "}" : $",\"usage\":{Usage}}}"));

    /// <inheritdoc/>
    public override void WriteStart()
    {
    }

    /// <inheritdoc/>
    public override void WriteContent(int index)
    {
        Write(Encoding.UTF8.GetBytes("data: {" + Shared + ",\"choices\":[{\"text\":\""));
        WriteText(index);
        Write(Encoding.UTF8.GetBytes("\",\"index\":0,\"logprobs\":null,\"finish_reason\":" + (index == Chunks - 1 ? Finish : "null") + "}]" + (Call.IncludeUsage ? ",\"usage\":null}\n\n" : "}\n\n")));
    }

    /// <summary>Usage where it was asked for, and the end marker.</summary>
    public override void WriteEnd()
    {
        if (Call.IncludeUsage && Call.Fault != ProviderFault.NoUsage)
            Write(Encoding.UTF8.GetBytes("data: {" + Shared + $",\"choices\":[],\"usage\":{Usage}}}\n\n"));
        Write("data: [DONE]\n\n"u8);
    }

    private string Shared => string.Create(CultureInfo.InvariantCulture, $"\"id\":\"{id}\",\"object\":\"text_completion\",\"created\":{created},\"model\":\"{JavaScriptEncoder.Default.Encode(Call.Model)}\"");
}
