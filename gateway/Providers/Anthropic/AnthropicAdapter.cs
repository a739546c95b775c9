using System.Net.Http.Headers;

namespace Quota.Gateway.Providers.Anthropic;

/// <summary>Anthropic's Messages (docs.claude.com/en/api/messages).</summary>
internal sealed class AnthropicAdapter : IProviderAdapter
{
    private const string Messages = "/v1/messages";

    public string Protocol => "anthropic";

    public IReadOnlyList<string> Routes { get; } = [Messages];

    public string EndpointKind(string route) => "chat";

    public RequestReading ReadRequest(ReadOnlyMemory<byte> body, IHeaderDictionary headers) => MessagesRequestReader.Read(body, headers["anthropic-beta"]);

    public UsageReader ReaderFor(ProviderRequest request) => request.Stream ? new MessagesStreamUsage() : new MessagesJsonUsage();

    public RefusalAnswer Refuse(Refusal refusal) => AnthropicRefusals.Answer(refusal);

    public void Authorize(HttpRequestHeaders headers, string credential) => headers.TryAddWithoutValidation("x-api-key", credential);

    /// <summary>Limits in numbers, resets as RFC 3339 times (docs.claude.com/en/api/rate-limits, response headers).</summary>
    public void WriteRate(IHeaderDictionary headers, string what, RateStanding standing)
    {
        headers[$"anthropic-ratelimit-{what}-limit"] = standing.Limit.ToString(CultureInfo.InvariantCulture);
        headers[$"anthropic-ratelimit-{what}-remaining"] = standing.Remaining.ToString(CultureInfo.InvariantCulture);
        headers[$"anthropic-ratelimit-{what}-reset"] = standing.FullAgain.ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture);
    }
}
