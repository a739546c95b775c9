using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace Quota.TestKit;

/// <summary>Ollama's <c>/api/chat</c>, <c>/api/generate</c>, <c>/api/embed</c> and <c>/api/embeddings</c>. It asks for no credential, and takes the one that others ask for.</summary>
internal sealed class OllamaEndpoint(ChatEndpoint chat, string credential)
{
    public static bool Knows(HttpRequest request) => request.Path.StartsWithSegments("/api");

    public Task AnswerAsync(HttpContext context)
    {
        var request = context.Request;
        if (request.Headers.Authorization.ToString() is { Length: > 0 } said && said != "Bearer " + credential)
            return RefuseAsync(context, 401, "unauthorized");
        var form = request.Path.Value switch
        {
            "/api/chat" => OllamaForm.Chat,
            "/api/generate" => OllamaForm.Generate,
            "/api/embed" => OllamaForm.Embed,
            "/api/embeddings" => OllamaForm.OldEmbed,
            _ => (OllamaForm?)null,
        };
        if (form is not { } known || !HttpMethods.IsPost(request.Method))
            return RefuseAsync(context, 404, "404 page not found");
        context.Response.OnStarting(() =>
        {
            if (context.Response.ContentType?.StartsWith("text/event-stream", StringComparison.Ordinal) == true)
                context.Response.ContentType = "application/x-ndjson";
            return Task.CompletedTask;
        });
        return chat.AnswerAsync(context, new OllamaDialect(known));
    }

    public static Task RefuseAsync(HttpContext context, int status, string error)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = "application/json; charset=utf-8";
        return context.Response.Body.WriteAsync(JsonSerializer.SerializeToUtf8Bytes(new { error })).AsTask();
    }
}
