using Quota.Shared.Usage;

namespace Quota.Billing.Ingest;

/// <summary>
/// A usage event exactly as the gateway's serializer writes it: every name in its place, no spaces, texts of plain letters, nothing below 0.
/// Nearly all are. It is read in one pass without an object or a string made of it, and its texts and numbers can be written again byte for byte;
/// what is not plain is read as <see cref="UsageEvent"/>, which alone says what is wrong with it. Both ways store the same (<c>PlainEventTests</c>).
/// </summary>
/// <remarks>To add a property: here in its place, as optional, and in <see cref="PlainProperties"/>. One that is forgotten here costs time, no more.</remarks>
internal ref struct PlainEvent
{
    /// <summary>Below <see cref="GatewayQuantities"/>' bound, and those of the types.</summary>
    private const int CountDigits = 15, Int32Digits = 9, Int64Digits = 18;

    public Guid Id, RequestId;
    public DateTimeOffset IdTime, At;
    public ReadOnlySpan<byte> Attempt, Instance, Code, AtSource, Org, Team, User, KeyId, Subscription, Environment, Provider, Upstream, Route, Endpoint, Model;
    public ReadOnlySpan<byte> RequestedModel, ResponseModel, ServiceTier, Status, HttpStatus, ProviderRequestId;
    public ReadOnlySpan<byte> Requests, InputTokens, CachedInputTokens, CacheWriteTokens, CacheWrite1hTokens, OutputTokens, ReasoningTokens;
    public ReadOnlySpan<byte> AudioInputTokens, AudioOutputTokens, ImageTokens, ImageOutputTokens, Images, Seconds, Characters, BytesIn, BytesOut;
    public ReadOnlySpan<byte> UsageRaw, PriceVersion, Cost, CostSource, Spend, Held, Currency, Tags, Seq;
    public bool Stream, Estimated;
    public Guid[] Counted;

    /// <summary>How many bytes it is.</summary>
    public int Length;

    private PlainJson _next;

    private PlainEvent(ReadOnlySpan<byte> json)
    {
        _next = new PlainJson(json);
        Counted = [];
    }

    /// <summary>Reads the event that begins here; false when it is not plain, whatever it is then.</summary>
    /// <param name="json">What follows the event is not looked at.</param>
    public static bool TryRead(ReadOnlySpan<byte> json, out PlainEvent read)
    {
        read = new PlainEvent(json);
        if (!read.ReadCall() || !read.ReadUsage() || !read.ReadPrice())
            return false;
        read.Length = json.Length - read._next.Left;
        return read.Length <= GatewayEvent.MaxBytes && EventTime.TryOfId(read.Id, out read.IdTime) && (read.At - read.IdTime).Duration() < TimeSpan.FromDays(1);
    }

    private bool ReadCall()
    {
        Id = _next.Uuid("""{"id":"""u8);
        RequestId = _next.Uuid(""","request_id":"""u8);
        Attempt = _next.Number(""","attempt":"""u8, Int32Digits);
        _next.Expect(",\"source\":\"gateway\""u8);
        Instance = _next.Text(""","instance":"""u8);
        Code = _next.Text(""","code":"""u8);
        At = new DateTimeOffset(_next.Time(""","at":"""u8), TimeSpan.Zero);
        AtSource = _next.Text(""","at_source":"""u8);
        Org = _next.Text(""","org":"""u8);
        Team = _next.OptionalText(""","team":"""u8);
        User = _next.OptionalText(""","user":"""u8);
        KeyId = _next.Text(""","key_id":"""u8);
        Subscription = _next.OptionalText(""","subscription":"""u8);
        Environment = _next.OptionalText(""","environment":"""u8);
        Provider = _next.Text(""","provider":"""u8);
        Upstream = _next.Text(""","upstream":"""u8);
        Route = _next.Text(""","route":"""u8);
        Endpoint = _next.OptionalText(""","endpoint":"""u8);
        Model = _next.Text(""","model":"""u8);
        RequestedModel = _next.OptionalText(""","requested_model":"""u8);
        ResponseModel = _next.OptionalText(""","response_model":"""u8);
        ServiceTier = _next.OptionalText(""","service_tier":"""u8);
        Stream = _next.Flag(""","stream":"""u8);
        _next.Time(""","started_at":"""u8);
        _next.OptionalTime(""","first_byte_at":"""u8);
        _next.Time(""","ended_at":"""u8);
        Status = _next.Text(""","status":"""u8);
        HttpStatus = _next.OptionalNumber(""","http_status":"""u8, Int32Digits);
        ProviderRequestId = _next.OptionalText(""","provider_request_id":"""u8);
        return _next.IsPlain && IsStatus(Status);
    }

    private bool ReadUsage()
    {
        Requests = _next.Number(""","usage":{"requests":"""u8, CountDigits);
        InputTokens = _next.Number(""","input_tokens":"""u8, CountDigits);
        CachedInputTokens = _next.Number(""","cached_input_tokens":"""u8, CountDigits);
        CacheWriteTokens = _next.Number(""","cache_write_tokens":"""u8, CountDigits);
        CacheWrite1hTokens = _next.OptionalNumber(""","cache_write_1h_tokens":"""u8, CountDigits);
        OutputTokens = _next.Number(""","output_tokens":"""u8, CountDigits);
        ReasoningTokens = _next.Number(""","reasoning_tokens":"""u8, CountDigits);
        AudioInputTokens = _next.OptionalNumber(""","audio_input_tokens":"""u8, CountDigits);
        AudioOutputTokens = _next.OptionalNumber(""","audio_output_tokens":"""u8, CountDigits);
        ImageTokens = _next.OptionalNumber(""","image_tokens":"""u8, CountDigits);
        ImageOutputTokens = _next.OptionalNumber(""","image_output_tokens":"""u8, CountDigits);
        Images = _next.OptionalNumber(""","images":"""u8, CountDigits);
        Seconds = _next.OptionalNumber(""","seconds":"""u8, CountDigits);
        Characters = _next.OptionalNumber(""","characters":"""u8, CountDigits);
        BytesIn = _next.OptionalNumber(""","bytes_in":"""u8, CountDigits);
        BytesOut = _next.OptionalNumber(""","bytes_out":"""u8, CountDigits);
        _next.Expect("}"u8);
        return _next.IsPlain;
    }

    private bool ReadPrice()
    {
        Estimated = _next.Flag(""","estimated":"""u8);
        UsageRaw = _next.OptionalObject(""","usage_raw":"""u8);
        PriceVersion = _next.OptionalText(""","price_version":"""u8);
        Cost = _next.OptionalAmount(""","cost":"""u8);
        CostSource = _next.OptionalText(""","cost_source":"""u8);
        Spend = _next.OptionalAmount(""","spend":"""u8);
        Held = _next.OptionalAmount(""","held":"""u8);
        Currency = _next.OptionalText(""","currency":"""u8);
        Counted = _next.Uuids(""","counted":"""u8, GatewayEvent.MaxCounted);
        Tags = _next.OptionalTexts(""","tags":"""u8, GatewayEvent.MaxTags);
        Seq = _next.Number(""","seq":"""u8, Int64Digits);
        _next.Expect("}"u8);
        return _next.IsPlain;
    }

    private static bool IsStatus(ReadOnlySpan<byte> status) =>
        status.SequenceEqual("completed"u8) || status.SequenceEqual("cancelled"u8) || status.SequenceEqual("failed"u8)
        || status.SequenceEqual("cut_off"u8) || status.SequenceEqual("abandoned"u8);
}
