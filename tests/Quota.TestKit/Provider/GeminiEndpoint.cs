using System.Buffers;
using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace Quota.TestKit;

/// <summary>
/// Google's <c>/v1beta/models/NAME:METHOD</c>, and the same below <c>/v1</c>: who may call, and what. As with the others, a call that is refused here is not
/// in the log; nor is a count, which nobody bills.
/// </summary>
internal sealed class GeminiEndpoint(ChatEndpoint chat, string credential)
{
    private static readonly string[] Roots = ["/v1beta/models/", "/v1/models/"];

    public static bool Knows(HttpRequest request) => HttpMethods.IsPost(request.Method) && Array.Exists(Roots, root => request.Path.Value!.StartsWith(root, StringComparison.Ordinal));

    public Task AnswerAsync(HttpContext context)
    {
        var request = context.Request;
        var path = request.Path.Value!;
        var named = path[Roots.First(root => path.StartsWith(root, StringComparison.Ordinal)).Length..].Split(':');
        if (request.Headers["x-goog-api-key"] != credential)
            return GeminiError.WriteAsync(context, 400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.");
        return named switch
        {
            [var model, "generateContent"] => chat.AnswerAsync(context, new GeminiDialect(model, GeminiForm.Whole)),
            [var model, "streamGenerateContent"] => StreamAsync(context, model),
            [var model, "embedContent"] => chat.AnswerAsync(context, new GeminiDialect(model, GeminiForm.Embedding)),
            [var model, "batchEmbedContents"] => chat.AnswerAsync(context, new GeminiDialect(model, GeminiForm.Embeddings)),
            [_, "countTokens"] => CountAsync(context),
            _ => GeminiError.WriteAsync(context, 404, "NOT_FOUND", $"{path} is not found."),
        };
    }

    private Task StreamAsync(HttpContext context, string model)
    {
        if (context.Request.Query["alt"] == "sse")
            return chat.AnswerAsync(context, new GeminiDialect(model, GeminiForm.Events));
        context.Response.OnStarting(() =>
        {
            context.Response.ContentType = "application/json; charset=UTF-8";
            return Task.CompletedTask;
        });
        return chat.AnswerAsync(context, new GeminiDialect(model, GeminiForm.Array));
    }

    private static async Task CountAsync(HttpContext context)
    {
        var call = new ChatCall();
        using var body = new MemoryStream();
        await context.Request.Body.CopyToAsync(body);
        GeminiReader.Read(new ReadOnlySequence<byte>(body.GetBuffer(), 0, (int)body.Length), call);
        if (call.Complaint is not null)
        {
            await GeminiError.WriteAsync(context, 400, "INVALID_ARGUMENT", call.Complaint);
            return;
        }

        context.Response.ContentType = "application/json; charset=UTF-8";
        await context.Response.Body.WriteAsync(JsonSerializer.SerializeToUtf8Bytes(new { totalTokens = call.InputTokens }));
    }
}
