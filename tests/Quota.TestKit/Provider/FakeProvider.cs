using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace Quota.TestKit;

/// <summary>
/// A model server: OpenAI's <c>POST /v1/chat/completions</c> and <c>POST /v1/responses</c> (JSON and SSE), <c>POST /v1/embeddings</c>, <c>/v1/completions</c>, <c>/v1/images/…</c>, <c>/v1/audio/…</c>, <c>/v1/moderations</c> and <c>GET /v1/models</c>, the same as Azure has them below <c>/openai</c>, Anthropic's
/// <c>POST /v1/messages</c> (JSON and SSE) and <c>POST /v1/messages/count_tokens</c>, Google's
/// <c>POST /v1beta/models/NAME:METHOD</c> (JSON, SSE and one array), Amazon's
/// <c>POST /model/NAME/OPERATION</c> (JSON and its binary events), Ollama's
/// <c>POST /api/chat</c>, <c>/api/generate</c> (JSON and lines), <c>/api/embed</c> and <c>/api/embeddings</c>, and its own log under <c>GET /_log/totals</c> and <c>GET /_log/entries?after=</c>. One word of the prompt is one input token, and these words are obeyed
/// (and counted) wherever they stand: <c>reply:n</c> answer with n tokens (default 16; never more than the bound of the request);
/// <c>chunk:n</c> n tokens a chunk; <c>pace:n</c> n ms between two chunks; <c>wait:n</c> n ms before the answer begins;
/// <c>fault:500</c>, <c>fault:429</c>; <c>fault:hang</c> never answer; <c>fault:cut</c> end the connection half-way;
/// <c>fault:no-usage</c> do not report usage; in Messages, Responses, Gemini, Bedrock and Ollama <c>cached:n</c> n more input tokens, read from a cache. Disposing stops it.
/// </summary>
public sealed class FakeProvider : IAsyncDisposable
{
    /// <summary>The bearer token, for Messages the <c>x-api-key</c>, for Gemini the <c>x-goog-api-key</c>, that it takes unless told otherwise. Every other is answered with 401.</summary>
    public const string DefaultCredential = "sk-standin-provider";

    private static readonly OpenAiDialect OpenAi = new();
    private static readonly EmbeddingsDialect Embeddings = new(OpenAi);
    private static readonly ResponsesDialect Responses = new(OpenAi);
    private static readonly CompletionsDialect Completions = new(OpenAi);
    private static readonly ImagesDialect Images = new(OpenAi);
    private static readonly SpeechDialect Speech = new(OpenAi);
    private static readonly TranscriptsDialect Transcripts = new(OpenAi);

    private readonly WebApplication _app;

    private FakeProvider(WebApplication app, ProviderLog served) => (_app, Served) = (app, served);

    /// <summary>Without a trailing slash and without <c>/v1</c>.</summary>
    public string BaseUrl { get; private set; } = "";

    /// <summary>What it served.</summary>
    public ProviderLog Served { get; }

    /// <summary>Starts one on 127.0.0.1; port 0 takes a free one.</summary>
    public static async Task<FakeProvider> StartAsync(int port = 0, string credential = DefaultCredential, TimeProvider? time = null)
    {
        var log = new ProviderLog(time);
        var app = LoopbackHost.Build(port);
        var chat = new ChatEndpoint(log, time ?? TimeProvider.System);
        var messages = new MessagesEndpoint(chat, credential);
        var gemini = new GeminiEndpoint(chat, credential);
        var azure = new AzureEndpoint(chat, credential, DialectOf);
        var bedrock = new BedrockEndpoint(chat, credential);
        var ollama = new OllamaEndpoint(chat, credential);
        var authorization = "Bearer " + credential;
        app.Run(context => context.Request.Path.StartsWithSegments("/v1/messages")
            ? messages.AnswerAsync(context)
            : GeminiEndpoint.Knows(context.Request) ? gemini.AnswerAsync(context)
            : AzureEndpoint.Knows(context.Request) ? azure.AnswerAsync(context)
            : BedrockEndpoint.Knows(context.Request) ? bedrock.AnswerAsync(context)
            : OllamaEndpoint.Knows(context.Request) ? ollama.AnswerAsync(context)
            : RouteAsync(context, chat, log, authorization));
        await app.StartAsync();
        return new FakeProvider(app, log) { BaseUrl = LoopbackHost.UrlOf(app) };
    }

    /// <summary>
    /// How many output tokens lie in this text of its: an answer, a chunk, or raw bytes of a stream as far as they came. The end of a
    /// Responses stream, which says the whole text again, is not counted.
    /// </summary>
    public static int TokensIn(string text)
    {
        var end = text.IndexOf("response.output_text.done", StringComparison.Ordinal);
        return (end < 0 ? text : text.AsSpan(0, end)).Count("tick");
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private static Task RouteAsync(HttpContext context, ChatEndpoint chat, ProviderLog log, string authorization)
    {
        var request = context.Request;
        if (request.Path.StartsWithSegments("/_log"))
            return LogEndpoint.AnswerAsync(context, log);
        if (request.Headers.Authorization != authorization)
            return OpenAiError.WriteAsync(context, 401, "Incorrect API key provided.", "invalid_request_error", "invalid_api_key");
        if (HttpMethods.IsPost(request.Method) && DialectOf(request.Path.Value!) is { } dialect)
            return chat.AnswerAsync(context, dialect);
        if (request.Path == "/v1/moderations" && HttpMethods.IsPost(request.Method))
            return LogEndpoint.ModerationAsync(context);
        if (request.Path == "/v1/models" && HttpMethods.IsGet(request.Method))
            return LogEndpoint.ModelsAsync(context);
        return OpenAiError.WriteAsync(context, 404, $"Invalid URL ({request.Method} {request.Path})", "invalid_request_error", null);
    }

    /// <summary>How a path of OpenAI's is answered; null when it is none.</summary>
    private static IDialect? DialectOf(string path) => path switch
    {
        "/v1/chat/completions" => OpenAi,
        "/v1/responses" => Responses,
        "/v1/embeddings" => Embeddings,
        "/v1/completions" => Completions,
        "/v1/images/generations" or "/v1/images/edits" or "/v1/images/variations" => Images,
        "/v1/audio/speech" => Speech,
        "/v1/audio/transcriptions" or "/v1/audio/translations" => Transcripts,
        _ => null,
    };
}
