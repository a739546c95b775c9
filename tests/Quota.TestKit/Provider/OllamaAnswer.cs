using System.Globalization;
using System.IO.Pipelines;
using System.Text;
using System.Text.Encodings.Web;

namespace Quota.TestKit;

/// <summary>Writes Ollama's answers: one object, or an object a line with the counts in the last. The cut of a stream falls between two lines.</summary>
internal sealed class OllamaAnswer(ChatCall call, OllamaForm form, DateTimeOffset now, PipeWriter output) : Answer(call, output)
{
    private readonly string _head = string.Create(CultureInfo.InvariantCulture, $"{{\"model\":\"{JavaScriptEncoder.Default.Encode(call.Model)}\",\"created_at\":\"{now.UtcDateTime:yyyy-MM-ddTHH:mm:ss.ffffffZ}\",")
        + (form == OllamaForm.Chat ? "\"message\":{\"role\":\"assistant\",\"content\":\"" : "\"response\":\"");

    private string End => form == OllamaForm.Chat ? "\"}" : "\"";

    private string Counts => Call.Fault == ProviderFault.NoUsage ? "" : string.Create(CultureInfo.InvariantCulture,
        $",\"total_duration\":4883583458,\"load_duration\":1334875,\"prompt_eval_count\":{Call.InputTokens},\"prompt_eval_cached_count\":{Call.CachedInputTokens},\"prompt_eval_duration\":342546000,\"eval_count\":{Call.OutputTokens},\"eval_duration\":4535599000");

    private string Done => $",\"done\":true,\"done_reason\":\"{(Call.IsCappedByBound ? "length" : "stop")}\"{Counts}}}";

    /// <inheritdoc/>
    public override byte[] Json() => form switch
    {
        OllamaForm.Embed => Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture,
            $"{{\"model\":\"{JavaScriptEncoder.Default.Encode(Call.Model)}\",\"embeddings\":[[0.25,-0.5,0.125]],\"total_duration\":14143917,\"load_duration\":1019500,\"prompt_eval_count\":{Call.InputTokens}}}")),
        OllamaForm.OldEmbed => "{\"embedding\":[0.25,-0.5,0.125]}"u8.ToArray(),
        _ => Whole(_head, End + Done),
    };

    /// <summary>Nothing comes before the first text.</summary>
    public override void WriteStart()
    {
    }

    /// <inheritdoc/>
    public override void WriteContent(int index)
    {
        Write(Encoding.UTF8.GetBytes(_head));
        WriteText(index);
        Write(Encoding.UTF8.GetBytes(End + ",\"done\":false}\n"));
    }

    /// <inheritdoc/>
    public override void WriteEnd() => Write(Encoding.UTF8.GetBytes(_head + End + Done + "\n"));
}
