using Quota.Shared.Pricing;

namespace Quota.Gateway.Limits;

/// <summary>The most that one request can use.</summary>
internal sealed record Demand
{
    public required long InputTokens { get; init; }

    /// <summary>How many answers it asks for; each may have the output below.</summary>
    public required long Choices { get; init; }

    /// <summary>The most output tokens of each answer: the client's bound, else the model's maximum, else the configured ceiling.</summary>
    public required long Output { get; init; }

    /// <summary>Whether the client named that bound: then it is never lowered.</summary>
    public required bool IsNamed { get; init; }

    /// <summary>Whether text flows, no output is hidden, and the answer can end early: only then may a hold grow stepwise.</summary>
    public required bool CanGrow { get; init; }

    public required PriceFunction Price { get; init; }

    /// <summary>What the org pays is the price times this.</summary>
    public decimal Markup { get; init; } = 1;

    /// <summary>The tier that is asked for; null for the provider's ordinary one.</summary>
    public string? ServiceTier { get; init; }

    /// <summary>Whether input is to be written to a cache, and whether for an hour: each has a price of its own.</summary>
    public bool WritesCache { get; init; }

    public bool WritesCacheForAnHour { get; init; }

    /// <summary>Whether some of its input or output may be audio, or of its input images: those have prices of their own.</summary>
    public bool HasAudio { get; init; }

    public bool HasImages { get; init; }

    /// <summary>Images sent in a chat, images to be made by an image endpoint.</summary>
    public long Images { get; init; }

    /// <summary>The most seconds of audio that it can be billed for.</summary>
    public long Seconds { get; init; }

    /// <summary>Characters to be spoken.</summary>
    public long Characters { get; init; }

    /// <summary>How often each of the provider's own tools may be called; null when none is asked for.</summary>
    public IReadOnlyDictionary<string, long>? ToolCalls { get; init; }

    public long BytesIn { get; init; }

    /// <summary>What the hold is to say of its call; null leaves that out (tests).</summary>
    public Spool.CallNote? Call { get; init; }

    /// <summary>What its price is asked for.</summary>
    public CallBounds Bounds => new()
    {
        InputTokens = InputTokens, WritesCache = WritesCache, WritesCacheForAnHour = WritesCacheForAnHour, HasAudio = HasAudio, HasImages = HasImages || Images > 0,
        ServiceTier = ServiceTier, Images = Images, Seconds = Seconds, Characters = Characters, ToolCalls = ToolCalls,
    };

    /// <summary>The most of a named unit.</summary>
    public long Unit(string name) => name switch { "images" => Images, "seconds" => Seconds, "characters" => Characters, "bytes_in" => BytesIn, _ => 0 };
}

/// <summary>The worst case on one counter in its units, as a line over output tokens; exact, finer than a unit.</summary>
internal readonly record struct WorstCase(decimal Fixed, decimal PerOutputToken)
{
    /// <summary>Whole units that cover this much output.</summary>
    /// <exception cref="OverflowException">More than a decimal holds.</exception>
    public decimal At(decimal outputTokens) => decimal.Ceiling(Fixed + PerOutputToken * outputTokens);

    /// <summary>The most output tokens that fit into the room; below 0 when not even the input does, null when output does not matter.</summary>
    public decimal? Fitting(long room) => PerOutputToken > 0 ? decimal.Floor((room - Fixed) / PerOutputToken) : null;
}
