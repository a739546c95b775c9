namespace Quota.Billing.Ingest;

/// <summary>The properties of a plain event: the same bytes that <see cref="GatewayProperties"/> writes of any, copied together from the event's own.</summary>
internal ref struct PlainProperties
{
    private readonly Span<byte> _into;
    private int _length;

    private PlainProperties(Span<byte> into) => _into = into;

    /// <param name="into">As long as the event: all properties are from there, under names that are no longer.</param>
    /// <returns>How many bytes were written.</returns>
    public static int Write(scoped in PlainEvent usage, Span<byte> into, bool keepsRaw)
    {
        var json = new PlainProperties(into);
        json.WriteBillable(usage);
        json.WriteFacts(usage, keepsRaw);
        json.Bytes("}"u8);
        return json._length;
    }

    private void WriteBillable(scoped in PlainEvent usage)
    {
        Bytes("{\"model\":\""u8);
        Bytes(usage.Model);
        Bytes("\""u8);
        Text(""","provider":"""u8, usage.Provider);
        Text(""","requested_model":"""u8, usage.RequestedModel);
        Text(""","service_tier":"""u8, usage.ServiceTier);
        Text(""","environment":"""u8, usage.Environment);
        Text(""","team":"""u8, usage.Team);
        Text(""","user":"""u8, usage.User);
        Text(""","key":"""u8, usage.KeyId);
        Text(""","status":"""u8, usage.Status);
        Bytes(usage.Stream ? ""","stream":true"""u8 : ""","stream":false"""u8);
        Value(""","input_tokens":"""u8, usage.InputTokens);
        Value(""","cached_input_tokens":"""u8, usage.CachedInputTokens);
        Value(""","cache_write_tokens":"""u8, usage.CacheWriteTokens);
        Value(""","cache_write_1h_tokens":"""u8, usage.CacheWrite1hTokens);
        Value(""","output_tokens":"""u8, usage.OutputTokens);
        Value(""","reasoning_tokens":"""u8, usage.ReasoningTokens);
        Value(""","audio_input_tokens":"""u8, usage.AudioInputTokens);
        Value(""","audio_output_tokens":"""u8, usage.AudioOutputTokens);
        Value(""","image_tokens":"""u8, usage.ImageTokens);
        Value(""","image_output_tokens":"""u8, usage.ImageOutputTokens);
        Value(""","requests":"""u8, usage.Requests);
        Value(""","images":"""u8, usage.Images);
        Value(""","seconds":"""u8, usage.Seconds);
        Value(""","characters":"""u8, usage.Characters);
        Value(""","bytes_in":"""u8, usage.BytesIn);
        Value(""","bytes_out":"""u8, usage.BytesOut);
        Text(""","cost":"""u8, usage.Cost);
        Text(""","cost_source":"""u8, usage.CostSource);
        Text(""","spend":"""u8, usage.Spend);
        Text(""","currency":"""u8, usage.Currency);
        Text(""","route":"""u8, usage.Route);
        Text(""","endpoint":"""u8, usage.Endpoint);
        Value(""","tags":"""u8, usage.Tags);
    }

    /// <summary>As <c>GatewayProperties.WriteFacts</c>.</summary>
    private void WriteFacts(scoped in PlainEvent usage, bool keepsRaw)
    {
        if (usage.RequestId != usage.Id)
            Uuid(""","request_id":"""u8, usage.RequestId);
        Value(""","attempt":"""u8, usage.Attempt.SequenceEqual("1"u8) ? default : usage.Attempt);
        Text(""","instance":"""u8, usage.Instance);
        Value(""","seq":"""u8, usage.Seq);
        Text(""","upstream":"""u8, usage.Upstream.SequenceEqual(usage.Provider) ? default : usage.Upstream);
        Text(""","response_model":"""u8, usage.ResponseModel.SequenceEqual(usage.Model) ? default : usage.ResponseModel);
        Text(""","provider_request_id":"""u8, usage.ProviderRequestId);
        Value(""","http_status":"""u8, usage.HttpStatus.SequenceEqual("200"u8) ? default : usage.HttpStatus);
        Text(""","price_version":"""u8, usage.PriceVersion);
        Text(""","held":"""u8, usage.Held);
        Text(""","at_source":"""u8, usage.AtSource.SequenceEqual("redis"u8) ? default : usage.AtSource);
        if (usage.Estimated)
            Bytes(""","estimated":true"""u8);
        if (keepsRaw && usage.UsageRaw.IndexOf("\\u0000"u8) < 0)
            Value(""","usage_raw":"""u8, usage.UsageRaw);
    }

    /// <summary>Nothing when there is none.</summary>
    private void Text(scoped ReadOnlySpan<byte> name, scoped ReadOnlySpan<byte> text)
    {
        if (text.IsEmpty)
            return;
        Bytes(name);
        _into[_length++] = (byte)'"';
        Bytes(text);
        _into[_length++] = (byte)'"';
    }

    /// <summary>A number, or whatever else, as it stands; nothing when there is none.</summary>
    private void Value(scoped ReadOnlySpan<byte> name, scoped ReadOnlySpan<byte> value)
    {
        if (value.IsEmpty)
            return;
        Bytes(name);
        Bytes(value);
    }

    private void Uuid(scoped ReadOnlySpan<byte> name, Guid id)
    {
        Span<byte> text = stackalloc byte[36];
        id.TryFormat(text, out _);
        Text(name, text);
    }

    private void Bytes(scoped ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(_into[_length..]);
        _length += bytes.Length;
    }
}
