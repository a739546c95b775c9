using System.Security.Cryptography;
using System.Text.Json;

namespace Quota.Gateway.Providers.Bedrock;

/// <summary>
/// Amazon Bedrock Runtime (docs.aws.amazon.com/bedrock/latest/APIReference). The upstream's credential is a key of Bedrock, or, where
/// <c>options: { region }</c> is set, <c>ACCESS_KEY_ID:SECRET[:SESSION_TOKEN]</c>, with which every request is signed.
/// </summary>
/// <param name="time">By which requests are signed: the real one.</param>
internal sealed class BedrockAdapter(TimeProvider? time = null) : IProviderAdapter
{
    private const string Service = "bedrock";

    public string Protocol => "bedrock";

    public IReadOnlyList<ProviderRoute> Routes => BedrockRoutes.All;

    /// <summary>Of Bedrock's other endpoint, the control plane, whose clients may ask here, too.</summary>
    public IReadOnlyList<string> ModelLists => ["/foundation-models"];

    public RequestReading ReadRequest(CallTarget target, ReadOnlyMemory<byte> body, IHeaderDictionary headers) => RequestReader.Read(target, body, headers);

    public UsageReader ReaderFor(CallTarget target, ProviderRequest request, Upstream upstream) =>
        target.Route == BedrockRoutes.ConverseStream ? new ConverseStreamUsage()
        : target.Route == BedrockRoutes.InvokeStream ? new InvokeStreamUsage(ModelFamily.Of(request.Model))
        : new AnswerUsage(isEmbedding: ModelFamily.Of(request.Model)?.IsEmbedding == true);

    public RefusalAnswer Refuse(Refusal refusal) => BedrockRefusals.Answer(refusal);

    public bool Knows(IHeaderDictionary headers) => headers.ContainsKey("amz-sdk-invocation-id");

    /// <summary>API_ListFoundationModels.</summary>
    public byte[] WriteModels(IReadOnlyList<string> models) => JsonText.Of(json =>
    {
        json.WriteStartArray("modelSummaries");
        foreach (var model in models)
        {
            json.WriteStartObject();
            Describe(json, model);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    });

    /// <summary>API_GetFoundationModel.</summary>
    public byte[] WriteModel(string model) => JsonText.Of(json =>
    {
        json.WriteStartObject("modelDetails");
        Describe(json, model);
        json.WriteEndObject();
    });

    /// <summary>Signs the bytes as they go out. What a client says in Amazon's own headers, such as the time or a session of its, is not ours to send.</summary>
    public void Authorize(HttpRequestMessage request, Upstream upstream, SplicedBody body)
    {
        foreach (var name in request.Headers.NonValidated.Select(header => header.Key).Where(name => name.StartsWith("x-amz-", StringComparison.OrdinalIgnoreCase)).ToArray())
            request.Headers.Remove(name);
        if (upstream.Options.TryGetValue("region", out var region) && AwsKey.Parse(upstream.Credential) is { } key)
            Sign(request, new AwsSignature(key, region, Service, (time ?? TimeProvider.System).GetUtcNow()), body);
        else if (upstream.Credential.Length > 0)
            request.Headers.TryAddWithoutValidation("Authorization", $"Bearer {upstream.Credential}");
    }

    /// <summary>Its clients know no headers about rates.</summary>
    public void WriteRate(IHeaderDictionary headers, string what, RateStanding standing)
    {
    }

    private static void Describe(Utf8JsonWriter json, string model)
    {
        json.WriteString("modelId", model);
        json.WriteString("modelArn", model.StartsWith("arn:", StringComparison.Ordinal) ? model : $"arn:aws:bedrock:::foundation-model/{model}");
    }

    private static void Sign(HttpRequestMessage request, AwsSignature signature, SplicedBody body)
    {
        var address = request.RequestUri!;
        List<(string Name, string Value)> signed = [("host", address.Authority), ("x-amz-date", signature.Date)];
        if (signature.Key.SessionToken is { } token)
            signed.Add(("x-amz-security-token", token));
        foreach (var (name, value) in signed.Skip(1))
            request.Headers.TryAddWithoutValidation(name, value);
        using var sent = body.OpenRead();
        request.Headers.TryAddWithoutValidation("Authorization", signature.Of(request.Method.Method, address.AbsolutePath, address.Query, signed, SHA256.HashData(sent)));
    }
}
