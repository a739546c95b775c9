namespace Quota.Gateway.Providers.OpenAi;

/// <summary>OpenAI's chat completions, and the many that copy them (platform.openai.com/docs/api-reference/chat).</summary>
internal sealed class OpenAiAdapter : IProviderAdapter
{
    private const string Chat = "/v1/chat/completions";

    public string Protocol => "openai";

    public IReadOnlyList<string> Routes { get; } = [Chat];

    public string EndpointKind(string route) => route == Chat ? "chat" : "other";

    public RequestReading ReadRequest(ReadOnlyMemory<byte> body) => ChatRequestReader.Read(body);

    public UsageReader ReaderFor(ProviderRequest request) => request.Stream ? new ChatStreamUsage(request.HidesUsage, (int)request.Choices) : new ChatJsonUsage();

    public RefusalAnswer Refuse(Refusal refusal) => OpenAiRefusals.Answer(refusal);
}
