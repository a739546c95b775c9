using System.Buffers;
using System.IO.Pipelines;
using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace Quota.TestKit;

/// <summary>
/// Azure OpenAI: the same answers as OpenAI's, below a deployment, whose name is the model, or below <c>/openai/v1</c>. The key goes in
/// <c>api-key</c>; errors have a code and a message; a stream begins with a chunk about filters.
/// </summary>
internal sealed class AzureEndpoint(ChatEndpoint chat, string credential, Func<string, IDialect?> dialectOf)
{
    private const string Deployments = "/openai/deployments/";
    private const string FirstWithOptions = "2024-09-01";

    public static bool Knows(HttpRequest request) => request.Path.StartsWithSegments("/openai");

    public Task AnswerAsync(HttpContext context)
    {
        var request = context.Request;
        if (request.Headers["api-key"] != credential)
            return FailAsync(context, 401, "401", "Access denied due to invalid subscription key or wrong API endpoint.");
        var (path, version) = (request.Path.Value!, request.Query["api-version"].ToString());
        string? deployment = null;
        if (path.StartsWith(Deployments, StringComparison.Ordinal) && path.IndexOf('/', Deployments.Length) is > 0 and var end)
            (deployment, path) = (path[Deployments.Length..end], "/v1" + path[end..]);
        else
            path = path == "/openai/responses" ? "/v1/responses" : path["/openai".Length..];
        if (deployment is not null && version.Length == 0)
            return FailAsync(context, 404, "404", "Resource not found");
        return dialectOf(path) is { } inner && HttpMethods.IsPost(request.Method)
            ? chat.AnswerAsync(context, new AzureDialect(inner, deployment, deployment is null || string.CompareOrdinal(version, FirstWithOptions) >= 0))
            : FailAsync(context, 404, "404", "Resource not found");
    }

    private static Task FailAsync(HttpContext context, int status, string code, string message)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = "application/json";
        return context.Response.Body.WriteAsync(JsonSerializer.SerializeToUtf8Bytes(new { error = new { code, message } })).AsTask();
    }

    private sealed class AzureDialect(IDialect inner, string? deployment, bool takesOptions) : IDialect
    {
        public void Read(in ReadOnlySequence<byte> body, ChatCall call)
        {
            inner.Read(body, call);
            if (deployment is not null)
                call.Model = deployment;
            if (!takesOptions && call.HasStreamOptions)
                call.Complaint = "Unrecognized request argument supplied: stream_options";
            if (call.Complaint == "you must provide a model parameter" && deployment is not null)
                call.Complaint = null;
        }

        public void Name(HttpContext context, string id) => context.Response.Headers["apim-request-id"] = id;

        public Task FailAsync(HttpContext context, int status, string? complaint) => AzureEndpoint.FailAsync(context, status, status == 400 ? "BadRequest" : $"{status}", complaint ?? "The service is not available now.");

        public Answer Answer(ChatCall call, string id, DateTimeOffset now, PipeWriter output)
        {
            var answer = inner.Answer(call, id, now, output);
            return answer is ChatAnswer ? new FilteredAnswer(answer, call, output) : answer;
        }
    }

    /// <summary>A chat whose stream says first, without any choice, what the filters found in the prompt.</summary>
    private sealed class FilteredAnswer(Answer inner, ChatCall call, PipeWriter output) : Answer(call, output)
    {
        public override byte[] Json() => inner.Json();

        public override void WriteStart()
        {
            Write("data: {\"choices\":[],\"created\":0,\"id\":\"\",\"model\":\"\",\"object\":\"\",\"prompt_filter_results\":[{\"prompt_index\":0,\"content_filter_results\":{\"hate\":{\"filtered\":false,\"severity\":\"safe\"}}}]}\n\n"u8);
            inner.WriteStart();
        }

        public override void WriteContent(int index) => inner.WriteContent(index);

        public override void WriteEnd() => inner.WriteEnd();
    }
}
