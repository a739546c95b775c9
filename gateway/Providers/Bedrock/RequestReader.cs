using Quota.Gateway.Providers.Anthropic;

namespace Quota.Gateway.Providers.Bedrock;

/// <summary>What any call of Bedrock Runtime asks for: the model stands in the path, some of it in headers, and the body is Converse's or the model's own.</summary>
internal static class RequestReader
{
    private const string GuardrailHeader = "X-Amzn-Bedrock-GuardrailIdentifier";

    public static RequestReading Read(CallTarget target, ReadOnlyMemory<byte> body, IHeaderDictionary headers)
    {
        if (target.Model is not { Length: > 0 and <= 256 } model || RequestJson.HasControl(model))
            return new Refusal.BadRequest("modelId", "The model's name must have 1 to 256 characters and no control characters.");
        if (model.Contains(":prompt/", StringComparison.Ordinal))
            return new Refusal.BadRequest("modelId", "What a stored prompt asks for cannot be seen from here; send the messages themselves.");
        if (headers.ContainsKey(GuardrailHeader))
            return new Refusal.BadRequest(GuardrailHeader, "A guardrail is billed in units that are not metered yet; leave it out.");
        var streams = BedrockRoutes.Streams(target.Route);
        return RequestJson.Read(body, body =>
            BedrockRoutes.IsConverse(target.Route) ? BodyReader.Read(model, streams, body, ModelFamily.Converse, headers)
            : ModelFamily.Of(model) is { } family ? BodyReader.Read(model, streams, body, family, headers)
            : IsAnthropic(model, body) ? ReadAnthropic(model, streams, body, headers)
            : new Refusal.BadRequest("modelId", $"What '{model}' is billed for when it is invoked is not known here; call it by /converse."));
    }

    /// <summary>An application's own profile does not tell its model, but the version in the body does.</summary>
    private static bool IsAnthropic(string model, ReadOnlyMemory<byte> body)
    {
        var fields = new JsonFieldScanner("anthropic_version");
        fields.Feed(body.Span);
        return model.Contains("anthropic.", StringComparison.Ordinal) || fields.Value("anthropic_version") is not null;
    }

    /// <summary>
    /// Anthropic's grammar as Bedrock takes it (docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages.html): the model
    /// stands in the path, betas stand in <c>anthropic_beta</c>. The rest is read, and refused, as Anthropic's own.
    /// </summary>
    private static RequestReading ReadAnthropic(string model, bool streams, ReadOnlyMemory<byte> body, IHeaderDictionary headers)
    {
        var (request, refusal) = MessagesRequestReader.Read(body, headers["anthropic-beta"], model);
        var tier = BedrockTier.Of(null, null, headers);
        if (request is null || tier.Refusal is not null)
            return new RequestReading(null, refusal ?? tier.Refusal);
        return request with { Stream = streams, ServiceTier = tier.Tier };
    }
}
