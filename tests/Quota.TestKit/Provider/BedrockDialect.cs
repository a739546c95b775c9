using System.Buffers;
using System.IO.Pipelines;
using Microsoft.AspNetCore.Http;

namespace Quota.TestKit;

/// <summary>Amazon Bedrock Runtime, one call of it: the path says which model, whether it is invoked in its own grammar, and whether the answer streams.</summary>
internal sealed class BedrockDialect(string model, bool streams, bool invokes) : IDialect
{
    private HttpResponse? _response;

    private bool IsLlama => model.Contains("llama", StringComparison.Ordinal);

    /// <inheritdoc/>
    public void Read(in ReadOnlySequence<byte> body, ChatCall call)
    {
        if (!invokes)
            BedrockReader.ReadConverse(body, call);
        else if (IsLlama)
            BedrockReader.ReadLlama(body, call);
        else
            BedrockReader.ReadAnthropic(body, call);
        (call.Model, call.Stream) = (model, streams);
    }

    /// <inheritdoc/>
    public void Name(HttpContext context, string id)
    {
        _response = context.Response;
        _response.Headers[BedrockError.IdHeader] = id;
    }

    /// <inheritdoc/>
    public Task FailAsync(HttpContext context, int status, string? complaint) => status switch
    {
        400 => BedrockError.WriteAsync(context, status, "ValidationException", complaint ?? ""),
        429 => BedrockError.WriteAsync(context, status, "ThrottlingException", "Too many tokens, please wait before trying again."),
        _ => BedrockError.WriteAsync(context, status, "InternalServerException", "The system encountered an unexpected error during processing. Try your request again."),
    };

    /// <summary>Invoked without a stream, the counts stand in headers.</summary>
    public Answer Answer(ChatCall call, string id, DateTimeOffset now, PipeWriter output)
    {
        if (!invokes)
            return new ConverseAnswer(call, output);
        if (!streams && call.Fault != ProviderFault.NoUsage)
        {
            _response!.Headers["X-Amzn-Bedrock-Input-Token-Count"] = $"{call.PlainInputTokens}";
            _response.Headers["X-Amzn-Bedrock-Output-Token-Count"] = $"{call.OutputTokens}";
            _response.Headers["X-Amzn-Bedrock-Cache-Read-Input-Token-Count"] = $"{call.CachedInputTokens}";
            _response.Headers["X-Amzn-Bedrock-Cache-Write-Input-Token-Count"] = $"{call.CacheWriteTokens}";
        }
        return IsLlama ? new InvokedLlama(call, output) : new InvokedMessage(call, id, output);
    }
}
