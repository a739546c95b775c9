using System.Buffers;
using System.Text.Json;
using Quota.Billing.Http;
using Quota.Shared.Usage;

namespace Quota.Billing.Ingest;

/// <summary>
/// What of a gateway's event billable metrics can count, sum and group by, under the names of the API, and behind it what people ask of a
/// single call. Of one batch, so that its events share a buffer.
/// </summary>
/// <param name="keepsRaw">Whether the provider's own usage object is written too: a third of an event's bytes.</param>
internal sealed class GatewayProperties(bool keepsRaw) : IDisposable
{
    private const int BlockBytes = 64 * 1024;

    private readonly Utf8JsonWriter _json = new(Stream.Null);
    private ArrayBufferWriter<byte> _block = new(BlockBytes);

    /// <summary>One flat JSON object; what is absent in the event is absent here, and counts 0 in a sum.</summary>
    public ReadOnlyMemory<byte> Write(UsageEvent usage)
    {
        Reserve(4096);
        var start = _block.WrittenCount;
        _json.Reset(_block);
        var json = _json;
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
        WriteFacts(usage);
        json.WriteEndObject();
        json.Flush();
        return _block.WrittenMemory[start..];
    }

    /// <summary>The same of a plain event.</summary>
    public ReadOnlyMemory<byte> Write(in PlainEvent usage)
    {
        Reserve(usage.Length);
        var start = _block.WrittenCount;
        _block.Advance(PlainProperties.Write(usage, _block.GetSpan(usage.Length), keepsRaw));
        return _block.WrittenMemory[start..];
    }

    public void Dispose() => _json.Dispose();

    /// <summary>A block that has to grow would leave what was written before behind, whole but twice in memory.</summary>
    private void Reserve(int bytes)
    {
        if (_block.FreeCapacity < bytes)
            _block = new(Math.Max(BlockBytes, bytes));
    }

    /// <summary>No quantities: the provider's name for the call, what it said, and by what price the gateway counted.</summary>
    private void WriteFacts(UsageEvent usage)
    {
        WriteIfPresent(_json, "request_id", usage.RequestId == usage.Id ? null : usage.RequestId.ToString());
        WriteIfPresent(_json, "attempt", usage.Attempt == 1 ? null : usage.Attempt);
        _json.WriteString("instance", usage.Instance);
        _json.WriteNumber("seq", usage.Seq);
        WriteIfPresent(_json, "upstream", usage.Upstream == usage.Provider ? null : usage.Upstream);
        WriteIfPresent(_json, "response_model", usage.ResponseModel == usage.Model ? null : Clean(usage.ResponseModel));
        WriteIfPresent(_json, "provider_request_id", Clean(usage.ProviderRequestId));
        WriteIfPresent(_json, "http_status", usage.HttpStatus is 200 ? null : usage.HttpStatus);
        WriteIfPresent(_json, "price_version", Clean(usage.PriceVersion));
        WriteIfPresent(_json, "held", usage.Held);
        WriteIfPresent(_json, "at_source", usage.AtSource == "redis" ? null : usage.AtSource);
        if (usage.Estimated)
            _json.WriteBoolean("estimated", true);
        if (usage.Lost == true)
            _json.WriteBoolean("lost", true);
        if (keepsRaw && usage.UsageRaw is { } raw && raw.Utf8.IndexOf("\\u0000"u8) < 0)
        {
            _json.WritePropertyName("usage_raw");
            _json.WriteRawValue(raw.Utf8, skipInputValidation: true);
        }
    }

    /// <summary>What vendors say is not checked, because no event may be lost by it; what PostgreSQL could not read as jsonb is left out.</summary>
    private static string? Clean(string? text) => text is not null && JsonText.IsClean(text) ? text : null;

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
