namespace Quota.Gateway.Providers.Tokens;

/// <summary>
/// The most tokens that one image of any size and detail is billed as, where the provider says so: the model's context window is the bound where not.
/// </summary>
/// <remarks>
/// OpenAI (platform.openai.com/docs/guides/images-vision, calculating costs). Tiles: an image is made to fit 2,048 x 2,048 and its shorter side 768, so
/// it has 4 x 2 tiles of 512 at most, a base and each its tokens. Patches of 32: 1,536 at most, times a factor. Later models have other budgets and stay
/// unknown. Anthropic (platform.claude.com/docs/en/build-with-claude/vision): scaled to about 1,600 tokens, from Opus 4.7 on to 4,784. Gemini's tiles
/// have no documented number.
/// </remarks>
internal static class ImageTokens
{
    private const long Tiles = 8, Patches = 1536;

    /// <summary>By the model's name or what it begins with, up to a hyphen; the first that fits decides.</summary>
    private static readonly (string Name, long Most)[] OpenAi =
    [
        ("gpt-4o-mini", Tiled(2833, 5667)), ("gpt-4o", Tiled(85, 170)), ("chatgpt-4o", Tiled(85, 170)), ("gpt-4-turbo", Tiled(85, 170)), ("gpt-4.5", Tiled(85, 170)),
        ("gpt-4.1-mini", Patched(162)), ("gpt-4.1-nano", Patched(246)), ("gpt-4.1", Tiled(85, 170)),
        ("gpt-5-mini", Patched(162)), ("gpt-5-nano", Patched(246)), ("gpt-5", Tiled(70, 140)),
        ("o4-mini", Patched(172)), ("o1", Tiled(75, 150)), ("o3", Tiled(75, 150)),
    ];

    private static readonly (string Name, long Most)[] Anthropic =
    [
        ("claude-opus-4-7", 4784), ("claude-opus-4-8", 4784),
        ("claude-3", 1600), ("claude-opus-4-1", 1600), ("claude-opus-4-5", 1600), ("claude-opus-4-6", 1600), ("claude-opus-4-0", 1600), ("claude-opus-4-2025", 1600),
        ("claude-sonnet-4-0", 1600), ("claude-sonnet-4-2025", 1600), ("claude-sonnet-4-5", 1600), ("claude-sonnet-4-6", 1600), ("claude-haiku-4-5", 1600),
    ];

    /// <summary>The bound for one image; null where it is not known.</summary>
    /// <param name="provider">The word of prices and events: <c>openai</c>, <c>azure</c>, <c>anthropic</c>.</param>
    /// <param name="model">The routed one.</param>
    public static long? Most(string provider, string model) => provider switch
    {
        "openai" or "azure" => Of(OpenAi, model.StartsWith("ft:", StringComparison.Ordinal) ? model[3..] : model),
        "anthropic" => Of(Anthropic, model),
        _ => null,
    };

    private static long? Of((string Name, long Most)[] known, string model)
    {
        foreach (var (name, most) in known)
        {
            if (model.StartsWith(name, StringComparison.Ordinal) && (model.Length == name.Length || model[name.Length] is '-' or ':' || name.EndsWith("-2025", StringComparison.Ordinal)))
                return most;
        }
        return null;
    }

    private static long Tiled(long first, long each) => first + Tiles * each;

    /// <param name="hundredths">The factor.</param>
    private static long Patched(long hundredths) => (Patches * hundredths + 99) / 100;
}
