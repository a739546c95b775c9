using System.Buffers;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace Quota.TestKit;

/// <summary>
/// Amazon's <c>/model/NAME/OPERATION</c>: who may call (a key of Bedrock as bearer token), and what. Converse for any model; invoked are those of Anthropic and Llama.
/// As with the others, a call that is refused here is not in the log.
/// </summary>
internal sealed class BedrockEndpoint(ChatEndpoint chat, string credential)
{
    private const string Root = "/model/";

    public static bool Knows(HttpRequest request) => request.Path.Value!.StartsWith(Root, StringComparison.Ordinal);

    public Task AnswerAsync(HttpContext context)
    {
        var request = context.Request;
        if (request.Headers.Authorization != "Bearer " + credential)
            return BedrockError.WriteAsync(context, 403, "AccessDeniedException", "Authentication failed: Please make sure your API Key is valid.");
        return !HttpMethods.IsPost(request.Method) ? BedrockError.WriteAsync(context, 404, "UnknownOperationException", "") : request.Path.Value![Root.Length..].Split('/') switch
        {
            [var name, "converse"] => chat.AnswerAsync(context, new BedrockDialect(NameOf(name), streams: false, invokes: false)),
            [var name, "converse-stream"] => StreamAsync(context, new BedrockDialect(NameOf(name), streams: true, invokes: false)),
            [var name, "invoke"] => chat.AnswerAsync(context, new BedrockDialect(NameOf(name), streams: false, invokes: true)),
            [var name, "invoke-with-response-stream"] => StreamAsync(context, new BedrockDialect(NameOf(name), streams: true, invokes: true)),
            [_, "count-tokens"] => CountAsync(context),
            _ => BedrockError.WriteAsync(context, 404, "UnknownOperationException", ""),
        };
    }

    /// <summary>Of a conversation; nobody bills it.</summary>
    private static async Task CountAsync(HttpContext context)
    {
        using var body = new MemoryStream();
        await context.Request.Body.CopyToAsync(body);
        var call = new ChatCall();
        var asked = JsonElement.Parse(body.GetBuffer().AsSpan(0, (int)body.Length)).GetProperty("input").GetProperty("converse").GetRawText();
        BedrockReader.ReadConverse(new ReadOnlySequence<byte>(Encoding.UTF8.GetBytes(asked)), call);
        context.Response.ContentType = "application/json";
        await context.Response.Body.WriteAsync(JsonSerializer.SerializeToUtf8Bytes(new { inputTokens = call.InputTokens }));
    }

    private Task StreamAsync(HttpContext context, BedrockDialect dialect)
    {
        context.Response.OnStarting(() =>
        {
            if (context.Response.StatusCode == 200)
                context.Response.ContentType = "application/vnd.amazon.eventstream";
            return Task.CompletedTask;
        });
        return chat.AnswerAsync(context, dialect);
    }

    /// <summary>The server leaves an escaped slash alone, of which ARNs have some.</summary>
    private static string NameOf(string segment) => Uri.UnescapeDataString(segment);
}
