namespace Quota.Gateway.Providers.OpenAi;

/// <summary>One of OpenAI's endpoints, wherever its path lies: how its requests are read, and its answers. Azure has the same ones at other paths.</summary>
/// <param name="Kind">As <see cref="ProviderRoute.Kind"/>.</param>
/// <param name="Read">Reads a request, given the model where the path names it.</param>
/// <param name="Reader">A reader for the answer, in the words of a provider that may differ from OpenAI's.</param>
internal sealed record OpenAiEndpoint(string Kind, OpenAiEndpoint.ReadRequest Read, Func<ProviderRequest, OpenAiLike, UsageReader> Reader)
{
    public static readonly OpenAiEndpoint Chat = new("chat", (body, _, named) => ChatRequestReader.Read(body, named), (request, like) => request.Stream
        ? new ChatStreamUsage(request.HidesUsage, (int)request.Choices, like, request.ToolCalls)
        : new JsonUsage(request.ToolCalls is { } calls ? json => like.Usage(json) is { } usage ? usage with { ToolCalls = usage.ToolCalls ?? calls } : null : like.Usage, like.Cost));

    public static readonly OpenAiEndpoint Completions = new("completions", (body, _, named) => CompletionsRequestReader.Read(body, named), (request, like) => request.Stream
        ? new CompletionsStreamUsage(request.HidesUsage, (int)request.Choices, like) : new JsonUsage(like.Usage, like.Cost));

    public static readonly OpenAiEndpoint Responses = new("responses", (body, _, named) => ResponsesRequestReader.Read(body, named), (request, _) => request switch
    {
        { Stream: true } => new ResponsesStreamUsage(),
        { ToolCalls: { } allowed } => new ResponsesToolUsage(allowed),
        _ => new JsonUsage(ResponsesUsage.Parse),
    });

    public static readonly OpenAiEndpoint Embeddings = new("embeddings", (body, _, named) => EmbeddingsRequestReader.Read(body, named), (_, like) => new JsonUsage(like.Usage, like.Cost));

    public static readonly OpenAiEndpoint Images = new("images", (body, _, named) => ImagesRequestReader.Read(body, named), ReaderOfImages);

    public static readonly OpenAiEndpoint ImageForms = new("images", (body, headers, _) => ImageFormReader.Read(body, headers.ContentType), ReaderOfImages);

    public static readonly OpenAiEndpoint Speech = new("audio", (body, _, named) => SpeechRequestReader.Read(body, named), (request, _) => SpeechUsage.For(request));

    /// <summary>Transcriptions and translations. Where the path names the model, the form passes unread.</summary>
    public static readonly OpenAiEndpoint Transcripts = new("audio",
        (body, headers, named) => named is null ? AudioFormReader.Read(body, headers.ContentType) : AudioFormReader.Unread(named, headers.ContentLength), (request, _) => new TranscriptUsage(request));

    public delegate RequestReading ReadRequest(ReadOnlyMemory<byte> body, IHeaderDictionary headers, string? named);

    public ProviderRoute At(string template) => new(template, Kind);

    private static UsageReader ReaderOfImages(ProviderRequest request, OpenAiLike like)
    {
        if (ImageAsk.IsBilledEach(request.Model))
            return new AskedUsage(new() { Requests = 1, Images = ChatUsage.Some(request.Images) });
        return request.Stream ? new LastEventUsage(ImagesUsage.Parse) : new JsonUsage(ImagesUsage.Parse);
    }
}
