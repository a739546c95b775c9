using System.Text.Json;
using Microsoft.Extensions.Primitives;
using Quota.Gateway.Providers.Anthropic;

namespace Quota.Gateway.Providers.Bedrock;

/// <summary>
/// A body in Anthropic's grammar as Bedrock takes it (docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages.html): the
/// model stands in the path, betas stand in <c>anthropic_beta</c>. The rest is read, and refused, as Anthropic's own.
/// </summary>
internal static class AnthropicBody
{
    /// <summary>What the body says; its <see cref="ProviderRequest.Body"/> is a copy with what Anthropic's has and this one has not, not to be sent.</summary>
    /// <param name="more">Further fields that it is read with.</param>
    /// <exception cref="JsonException">It is no JSON.</exception>
    public static RequestReading Read(ReadOnlySpan<byte> body, StringValues betas, ReadOnlySpan<byte> more = default)
    {
        List<string?> named = [.. betas];
        var json = new Utf8JsonReader(body, new JsonReaderOptions { MaxDepth = 64 });
        if (!json.Read() || json.TokenType != JsonTokenType.StartObject)
            return new Refusal.BadRequest(null, "It must be a JSON object.");
        var begin = (int)json.BytesConsumed;
        var isEmpty = true;
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            isEmpty = false;
            if (json.ValueTextEquals("model"u8))
                return new Refusal.BadRequest("model", "It stands in the path; leave it out of the body.");
            var isBeta = json.ValueTextEquals("anthropic_beta"u8);
            json.Read();
            if (isBeta && json.TokenType == JsonTokenType.StartArray)
                named.AddRange(JsonElement.ParseValue(ref json).EnumerateArray().Where(it => it.ValueKind == JsonValueKind.String).Select(it => it.GetString()));
            else
                json.Skip();
        }
        byte[] whole = [.. "{\"model\":\"-\""u8, .. more, .. isEmpty ? default : ","u8, .. body[begin..]];
        var reading = MessagesRequestReader.Read(whole, new StringValues([.. named]));
        return reading.Request switch
        {
            { ToolCalls: { } calls } => new Refusal.BadRequest("tools", $"'{calls.Keys.First()}' is run by Anthropic itself, which it does not do on Bedrock."),
            { ServiceTier: not null } => new Refusal.BadRequest("service_tier", "The tier of an invoked model stands in the header X-Amzn-Bedrock-Service-Tier."),
            _ => reading,
        };
    }
}
