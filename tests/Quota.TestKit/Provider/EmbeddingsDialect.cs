using System.Buffers;
using System.IO.Pipelines;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace Quota.TestKit;

/// <summary>OpenAI's embeddings: one word of input is one token, and so is each number of an input that came as tokens. Vectors are short and all the same.</summary>
internal sealed class EmbeddingsDialect(OpenAiDialect openAi) : IDialect
{
    /// <inheritdoc/>
    public void Read(in ReadOnlySequence<byte> body, ChatCall call)
    {
        call.Bound = 0;
        try
        {
            using var document = JsonDocument.Parse(body);
            call.Model = document.RootElement.GetProperty("model").GetString() ?? "";
            Count(document.RootElement.GetProperty("input"), call);
        }
        catch (Exception problem) when (problem is JsonException or InvalidOperationException or KeyNotFoundException)
        {
            call.Complaint = "The request body is not valid: " + problem.Message;
        }
    }

    /// <inheritdoc/>
    public void Name(HttpContext context, string id) => openAi.Name(context, id);

    /// <inheritdoc/>
    public Task FailAsync(HttpContext context, int status, string? complaint) => openAi.FailAsync(context, status, complaint);

    /// <inheritdoc/>
    public Answer Answer(ChatCall call, string id, DateTimeOffset now, PipeWriter output) => new EmbeddingsAnswer(call, output);

    private static void Count(JsonElement input, ChatCall call)
    {
        if (input.ValueKind == JsonValueKind.String)
            PromptWords.Count(input, call);
        else if (input.ValueKind == JsonValueKind.Number)
            call.InputTokens++;
        else
        {
            foreach (var part in input.EnumerateArray())
                Count(part, call);
        }
    }

    private sealed class EmbeddingsAnswer(ChatCall call, PipeWriter output) : Answer(call, output)
    {
        public override byte[] Json() => Encoding.UTF8.GetBytes(
            "{\"object\":\"list\",\"data\":[{\"object\":\"embedding\",\"index\":0,\"embedding\":[0.25,-0.5,0.125]}],\"model\":" + JsonSerializer.Serialize(Call.Model)
            + (Call.Fault == ProviderFault.NoUsage ? "}" : $",\"usage\":{{\"prompt_tokens\":{Call.InputTokens},\"total_tokens\":{Call.InputTokens}}}}}"));

        public override void WriteStart() => throw new NotSupportedException("embeddings are not streamed");

        public override void WriteContent(int index) => throw new NotSupportedException("embeddings are not streamed");

        public override void WriteEnd() => throw new NotSupportedException("embeddings are not streamed");
    }
}
