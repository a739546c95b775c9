namespace Quota.Gateway.Providers.OpenAi;

/// <summary>OpenAI's chat completions, and the many that copy them (platform.openai.com/docs/api-reference/chat).</summary>
internal sealed class OpenAiAdapter : IProviderAdapter
{
    public string Protocol => "openai";

    public IReadOnlyList<string> Routes { get; } = ["/v1/chat/completions"];

    public RequestReading ReadRequest(ReadOnlyMemory<byte> body) => ChatRequestReader.Read(body);

    public UsageReader ReaderFor(ProviderRequest request) => request.Stream ? new ChatStreamUsage(request.HidesUsage) : new ChatJsonUsage();

    public RefusalAnswer Refuse(Refusal refusal) => OpenAiRefusals.Answer(refusal);
}
