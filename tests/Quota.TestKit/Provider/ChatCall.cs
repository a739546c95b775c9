namespace Quota.TestKit;

/// <summary>What a prompt asked the stand-in to do wrong.</summary>
internal enum ProviderFault
{
    None,
    Error500,
    Error429,
    Hang,
    Cut,
    NoUsage,
}

/// <summary>A request, in whichever dialect, as far as the stand-in cares: whose it is, how long the prompt, how long the answer.</summary>
internal sealed class ChatCall
{
    public const int MaxOutputTokens = 131_072;
    private const int DefaultOutputTokens = 16;

    public string RequestId { get; init; } = "";
    public string Model { get; set; } = "";
    public bool Stream { get; set; }
    public bool IncludeUsage { get; set; }

    /// <summary>All input, cached or not.</summary>
    public int InputTokens { get; set; }

    /// <summary>Of <see cref="InputTokens"/>, what the answer says was read from a cache.</summary>
    public int CachedInputTokens { get; set; }

    /// <summary>Of <see cref="InputTokens"/>, what was written to a cache, whatever its lifetime.</summary>
    public int CacheWriteTokens { get; set; }

    /// <summary>Of <see cref="CacheWriteTokens"/>, what is kept for an hour.</summary>
    public int CacheWrite1hTokens { get; set; }

    /// <summary>Of <see cref="InputTokens"/>, those that are pictures or audio.</summary>
    public int ImageTokens { get; set; }

    /// <inheritdoc cref="ImageTokens"/>
    public int AudioTokens { get; set; }

    /// <summary>Searches of the web that the stand-in makes: as many as it may, of Messages only.</summary>
    public int WebSearches { get; set; }

    /// <summary>Pictures to be made.</summary>
    public int Images { get; set; }

    /// <summary>Seconds of audio that came.</summary>
    public int Seconds { get; set; }

    /// <summary>Characters to be spoken.</summary>
    public int Characters { get; set; }

    /// <summary>Bytes of the audio that came.</summary>
    public long FileBytes { get; set; }

    /// <summary>The <c>response_format</c> of a transcript.</summary>
    public string Format { get; set; } = "";

    /// <summary>Whether it has <c>stream_options</c>, which Azure's older versions refuse.</summary>
    public bool HasStreamOptions { get; set; }

    /// <summary>Input that has nothing to do with a cache.</summary>
    public int PlainInputTokens => InputTokens - CachedInputTokens - CacheWriteTokens;

    /// <summary>The output bound: <c>max_completion_tokens</c>, else <c>max_tokens</c>; in Responses <c>max_output_tokens</c>.</summary>
    public int? Bound { get; set; }

    /// <summary>What a <c>reply:n</c> in the prompt says.</summary>
    public int? Reply { get; set; }

    /// <summary>What a <c>cached:n</c> in the prompt says; only Messages and Responses obey it.</summary>
    public int Cached { get; set; }

    public ProviderFault Fault { get; set; }

    /// <summary>Milliseconds between two chunks, from <c>pace:n</c>.</summary>
    public int Pace { get; set; }

    /// <summary>Tokens a chunk, from <c>chunk:n</c>; 0 shares them evenly over at most 32 chunks.</summary>
    public int Chunk { get; set; }

    /// <summary>Milliseconds before the answer begins, from <c>wait:n</c>.</summary>
    public int Wait { get; set; }

    /// <summary>When it came, and when the log counted it as running no more. The log's own, under its lock.</summary>
    public DateTimeOffset Began { get; set; }

    /// <inheritdoc cref="Began"/>
    public DateTimeOffset? Ended { get; set; }

    /// <summary>What is wrong with the request, or null; answered with 400.</summary>
    public string? Complaint { get; set; }

    public int OutputTokens => Math.Min(Wanted, Math.Min(Bound ?? MaxOutputTokens, MaxOutputTokens));

    public bool IsCappedByBound => Wanted > Bound;

    private int Wanted => Reply ?? DefaultOutputTokens;
}
