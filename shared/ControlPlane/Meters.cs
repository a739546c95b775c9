namespace Quota.Shared.ControlPlane;

/// <summary>The meters that limits can be set on. Named units are counted where a provider's grammar knows them, and are 0 elsewhere.</summary>
public static class Meters
{
    public const string Requests = "requests";
    public const string InputTokens = "input_tokens";
    public const string OutputTokens = "output_tokens";
    public const string TotalTokens = "total_tokens";

    /// <summary>What the org pays for usage; money.</summary>
    public const string Spend = "spend";

    /// <summary>What the vendor charges; money.</summary>
    public const string Cost = "cost";

    /// <summary>Requests that run at the same time. Has no window.</summary>
    public const string Concurrency = "concurrency";

    /// <summary>Named units: images sent, seconds of audio, characters of speech, bytes of request bodies.</summary>
    public static readonly IReadOnlyList<string> Units = ["images", "seconds", "characters", "bytes_in"];

    public static readonly IReadOnlyList<string> All = [Requests, InputTokens, OutputTokens, TotalTokens, Spend, Cost, Concurrency, .. Units];

    public static bool IsMoney(string meter) => meter is Spend or Cost;

    /// <summary>Whether the length of the answer counts: only then can a hold be clamped or grow stepwise.</summary>
    public static bool CountsOutput(string meter) => meter is OutputTokens or TotalTokens or Spend or Cost;
}
