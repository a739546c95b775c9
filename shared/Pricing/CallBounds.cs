namespace Quota.Shared.Pricing;

/// <summary>What is known before a call of the most that it can use; 0, false and absent: none of it.</summary>
public readonly record struct CallBounds
{
    /// <summary>All input; decides also which context sizes can be reached.</summary>
    public required long InputTokens { get; init; }

    public bool WritesCache { get; init; }

    public bool WritesCacheForAnHour { get; init; }

    /// <summary>Whether audio is in the input, or is asked for in the output.</summary>
    public bool HasAudio { get; init; }

    /// <summary>Whether images are in the input. Images in the output are always thought possible where they have a price.</summary>
    public bool HasImages { get; init; }

    /// <summary>The tier that is asked for. The provider may serve the call at it or at its ordinary one.</summary>
    public string? ServiceTier { get; init; }

    public long Images { get; init; }

    public long Seconds { get; init; }

    public long Characters { get; init; }

    /// <summary>The most calls of each tool that the provider runs.</summary>
    public IReadOnlyDictionary<string, long>? ToolCalls { get; init; }
}

/// <summary>Nano-units that no call within its bounds exceeds: of each token of input and of output, and of all else together. Exact.</summary>
public readonly record struct WorstPrice(decimal PerInputToken, decimal PerOutputToken, decimal Fixed)
{
    /// <summary>The dearest of both in each part.</summary>
    public WorstPrice Or(WorstPrice other) =>
        new(Math.Max(PerInputToken, other.PerInputToken), Math.Max(PerOutputToken, other.PerOutputToken), Math.Max(Fixed, other.Fixed));
}
