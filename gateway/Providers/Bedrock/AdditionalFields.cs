using System.Text.Json;
using Quota.Gateway.Providers.Anthropic;

namespace Quota.Gateway.Providers.Bedrock;

/// <summary>
/// Converse's <c>additionalModelRequestFields</c>: fields of the model's own grammar that are passed on to it. Those of Anthropic's models bound and bill as in its own
/// Messages; others have none that do, but for another output bound, or a number of answers.
/// </summary>
internal static class AdditionalFields
{
    private const string Name = "additionalModelRequestFields";
    private const string AnyModel = "-";   // the path names it, and these fields are read the same for all

    /// <summary>What they ask for, its <see cref="ProviderRequest.OutputBound"/> being that of thinking, or 1.</summary>
    /// <param name="json">Stands on the object; afterwards on its end.</param>
    public static RequestReading Read(ReadOnlyMemory<byte> body, ref Utf8JsonReader json)
    {
        var (start, depth) = ((int)json.TokenStartIndex, json.CurrentDepth);
        if (json.TokenType != JsonTokenType.StartObject)
            return new Refusal.BadRequest(Name, "It must be a JSON object.");
        while (json.Read() && json.CurrentDepth > depth)
        {
            if (json.TokenType == JsonTokenType.PropertyName && json.GetString() is { } name && IsBound(name, json.CurrentDepth - depth))
                return new Refusal.BadRequest($"{Name}.{name}", "It would pass by inferenceConfig.maxTokens; name the bound there, and ask for one answer.");
        }
        var reading = MessagesRequestReader.Read(body[start..(int)json.BytesConsumed], default, AnyModel, bound: 1);
        return reading.Refusal is Refusal.BadRequest it ? it with { Parameter = it.Parameter is null ? Name : $"{Name}.{it.Parameter}" } : reading;
    }

    /// <summary>Nova has its bound one object down.</summary>
    private static bool IsBound(string name, int depth) => depth <= 2 && ModelFamily.IsBound(name) || depth == 1 && ModelFamily.IsNumber(name);
}
