using System.Globalization;
using System.IO.Pipelines;
using System.Text;

namespace Quota.TestKit;

/// <summary>Writes Google's embeddings, short and all the same. Only models of the second generation say what they used.</summary>
/// <param name="count">How many; null for the answer that holds just one.</param>
internal sealed class GeminiEmbeddingsAnswer(ChatCall call, int? count, PipeWriter output) : Answer(call, output)
{
    private const string Values = """{"values":[0.25,-0.5,0.125]}""";

    public override byte[] Json() => Encoding.UTF8.GetBytes(
        (count is { } many ? "{\"embeddings\":[" + string.Join(',', Enumerable.Repeat(Values, many)) + "]" : "{\"embedding\":" + Values)
        + (Call.Model.Contains("embedding-2", StringComparison.Ordinal) && Call.Fault != ProviderFault.NoUsage
            ? string.Create(CultureInfo.InvariantCulture, $",\"usageMetadata\":{{\"promptTokenCount\":{Call.InputTokens}}}}}") : "}"));

    public override void WriteStart() => throw new NotSupportedException("embeddings are not streamed");

    public override void WriteContent(int index) => throw new NotSupportedException("embeddings are not streamed");

    public override void WriteEnd() => throw new NotSupportedException("embeddings are not streamed");
}
