using System.Text.Json;
using Quota.Gateway.ControlPlane;
using Quota.Gateway.Keys;
using Quota.Gateway.Limits;

namespace Quota.Gateway.Diagnostics;

/// <summary>What <c>/admin/limits/explain</c> is asked: whose call, of which model, how large.</summary>
internal sealed record ExplainInput(CallerKey Caller, string Model, string Provider, Demand Demand)
{
    private const int MostBytes = 64 * 1024;

    /// <summary>The input, or every mistake of it by field.</summary>
    public static async Task<(ExplainInput? Input, Dictionary<string, string> Mistakes)> ReadAsync(HttpRequest request, ControlState state, LimitsOptions options, DateTimeOffset now)
    {
        Dictionary<string, string> mistakes = [];
        JsonElement body = default;
        try
        {
            if (request.ContentLength is null or > MostBytes)
                mistakes["body"] = $"needs a Content-Length of at most {MostBytes} bytes";
            else
                body = (await JsonDocument.ParseAsync(request.Body)).RootElement;
        }
        catch (Exception problem) when (problem is JsonException or InvalidOperationException)
        {
            mistakes["body"] = "is not JSON";
        }
        if (mistakes.Count == 0 && body.ValueKind != JsonValueKind.Object)
            mistakes["body"] = "must be an object such as {\"scope\":\"acme/research/ada\",\"model\":\"gpt-4o-mini\"}";
        if (mistakes.Count > 0)
            return (null, mistakes);

        string? Text(string name)
        {
            try
            {
                return body.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
            }
            catch (InvalidOperationException)
            {
                mistakes[name] = "is not valid text";   // half of a surrogate pair
                return null;
            }
        }
        long? Number(string name, long least)
        {
            if (!body.TryGetProperty(name, out var value) || value.ValueKind == JsonValueKind.Null)
                return null;
            if (value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var number) && number >= least && number <= int.MaxValue)
                return number;
            mistakes[name] = $"must be a whole number from {least} to {int.MaxValue}";
            return null;
        }
        var caller = FindCaller(state, Text("key"), Text("scope"));
        if (caller is null)
            mistakes["key"] = "names no key, and scope has none; give a key's id or name, or a scope such as acme/research/ada";
        var (model, provider) = (Text("model"), Text("provider") ?? "openai");
        var price = model is null ? null : state.PriceOf(provider, model, now);
        if (model is null)
            mistakes["model"] = "is missing";
        else if (price is null)
            mistakes["model"] = $"the price of {provider}/{model} is not known, so no call of it would run";
        var (input, output, choices) = (Number("input_tokens", 0), Number("max_output_tokens", 1), Number("n", 1));
        if (mistakes.Count > 0)
            return (null, mistakes);
        return (new ExplainInput(caller!, model!, provider, new Demand
        {
            InputTokens = input ?? 0,
            Choices = choices ?? 1,
            Output = output ?? price!.Price.MaxOutputTokens ?? options.MaxOutputTokens,
            IsNamed = output is not null,
            CanGrow = body.TryGetProperty("stream", out var stream) && stream.ValueKind == JsonValueKind.True && price!.Price.HiddenOutput == false,
            Price = price!,
            Markup = caller!.Org.Markup,
            ServiceTier = Text("service_tier"),
        }), mistakes);
    }

    private static CallerKey? FindCaller(ControlState state, string? key, string? scope) => state.Callers.FirstOrDefault(caller =>
        key is not null ? caller.Key.Id == key || caller.Key.Name == key
            : scope is not null && string.Join('/', new[] { caller.Org.Code, caller.Key.Team, caller.Key.User }.OfType<string>()) is var path && (path == scope || path.StartsWith(scope + "/", StringComparison.Ordinal)));
}
