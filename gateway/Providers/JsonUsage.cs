using Quota.Shared.Usage;

namespace Quota.Gateway.Providers;

/// <summary>Usage of an answer that comes as one JSON object with <c>usage</c> and <c>model</c> in it.</summary>
/// <param name="parse">The counts of a usage object; null when it is none.</param>
/// <param name="cost">What it says that the call cost; null when nobody says it there.</param>
internal sealed class JsonUsage(JsonUsage.ParseUsage parse, JsonUsage.ParseCost? cost = null) : WholeUsage("usage", "model", "service_tier")
{
    public delegate UsageCounts? ParseUsage(ReadOnlySpan<byte> json);

    /// <summary>US dollars; null when it does not say.</summary>
    public delegate decimal? ParseCost(ReadOnlySpan<byte> json);

    protected override void Read()
    {
        var raw = Value("usage");
        Usage = raw is null ? null : parse(raw);
        UsageRaw = Usage is null ? null : raw;
        ProviderCost = Usage is null ? null : cost?.Invoke(raw);
        ResponseModel = ModelName.Parse(Value("model"));
        ServiceTier = ModelName.Parse(Value("service_tier"));
    }
}
