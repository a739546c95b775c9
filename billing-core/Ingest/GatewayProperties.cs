using System.Buffers;
using System.Text;
using System.Text.Json;
using Quota.Shared.Usage;

namespace Quota.Billing.Ingest;

/// <summary>What of a gateway's event billable metrics can count, sum and group by, under the names of the API.</summary>
internal static class GatewayProperties
{
    /// <summary>One flat JSON object; what is absent in the event is absent here, and counts 0 in a sum.</summary>
    public static string Write(UsageEvent usage)
    {
        var buffer = new ArrayBufferWriter<byte>(512);
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("model", usage.Model);
            json.WriteString("provider", usage.Provider);
            WriteIfPresent(json, "requested_model", usage.RequestedModel);
            WriteIfPresent(json, "service_tier", usage.ServiceTier);
            WriteIfPresent(json, "environment", usage.Environment);
            WriteIfPresent(json, "team", usage.Team);
            WriteIfPresent(json, "user", usage.User);
            json.WriteString("key", usage.KeyId);
            json.WriteString("status", usage.Status);
            json.WriteBoolean("stream", usage.Stream);
            json.WriteNumber("input_tokens", usage.Usage.InputTokens);
            json.WriteNumber("cached_input_tokens", usage.Usage.CachedInputTokens);
            json.WriteNumber("cache_write_tokens", usage.Usage.CacheWriteTokens);
            WriteIfPresent(json, "cache_write_1h_tokens", usage.Usage.CacheWrite1hTokens);
            json.WriteNumber("output_tokens", usage.Usage.OutputTokens);
            json.WriteNumber("reasoning_tokens", usage.Usage.ReasoningTokens);
            WriteIfPresent(json, "audio_input_tokens", usage.Usage.AudioInputTokens);
            WriteIfPresent(json, "audio_output_tokens", usage.Usage.AudioOutputTokens);
            WriteIfPresent(json, "image_tokens", usage.Usage.ImageTokens);
            WriteIfPresent(json, "image_output_tokens", usage.Usage.ImageOutputTokens);
            json.WriteNumber("requests", usage.Usage.Requests);
            WriteIfPresent(json, "images", usage.Usage.Images);
            WriteIfPresent(json, "seconds", usage.Usage.Seconds);
            WriteIfPresent(json, "characters", usage.Usage.Characters);
            WriteIfPresent(json, "bytes_in", usage.Usage.BytesIn);
            WriteIfPresent(json, "bytes_out", usage.Usage.BytesOut);
            foreach (var (tool, calls) in usage.Usage.ToolCalls ?? new Dictionary<string, long>())
                json.WriteNumber($"tool_calls.{tool}", calls);   // flat, so that a metric can sum one tool's
            WriteIfPresent(json, "cost", usage.Cost);
            WriteIfPresent(json, "cost_source", usage.CostSource);
            WriteIfPresent(json, "spend", usage.Spend);
            WriteIfPresent(json, "currency", usage.Currency);
            json.WriteString("route", usage.Route);
            WriteIfPresent(json, "endpoint", usage.Endpoint);
            WriteIfPresent(json, "corrects", usage.Corrects?.ToString());
            WriteTags(json, usage.Tags);
            json.WriteEndObject();
        }
        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    /// <summary>An object inside: limits select by them (<c>Customers/UsageSql</c>).</summary>
    private static void WriteTags(Utf8JsonWriter json, IReadOnlyDictionary<string, string>? tags)
    {
        if (tags is not { Count: > 0 })
            return;
        json.WriteStartObject("tags");
        foreach (var (name, value) in tags)
            json.WriteString(name, value);
        json.WriteEndObject();
    }

    private static void WriteIfPresent(Utf8JsonWriter json, string name, long? value)
    {
        if (value is { } number)
            json.WriteNumber(name, number);
    }

    private static void WriteIfPresent(Utf8JsonWriter json, string name, string? value)
    {
        if (value is not null)
            json.WriteString(name, value);
    }
}
