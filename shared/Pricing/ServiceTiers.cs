namespace Quota.Shared.Pricing;

/// <summary>The words of providers for how fast, or how surely, a call is served.</summary>
public static class ServiceTiers
{
    /// <summary>
    /// What no variant is needed for. OpenAI asks <c>auto</c> and <c>default</c> and answers <c>default</c>; Anthropic asks <c>auto</c> and
    /// <c>standard_only</c> and answers <c>standard</c>; Groq asks and answers <c>on_demand</c>.
    /// </summary>
    private static readonly string[] Base = ["default", "standard", "auto", "standard_only", "on_demand"];

    /// <summary>Whether the tier is charged by the base rates: none, or a provider's word for its ordinary one.</summary>
    public static bool IsBase(string? tier) => string.IsNullOrEmpty(tier) || Base.Contains(tier, StringComparer.OrdinalIgnoreCase);

    public static bool AreSame(string? one, string? other) => string.Equals(one, other, StringComparison.OrdinalIgnoreCase);
}
