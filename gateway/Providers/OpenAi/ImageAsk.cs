namespace Quota.Gateway.Providers.OpenAi;

/// <summary>
/// What a request asks of an image endpoint, and the most tokens that an image can have. Sizes and qualities are the words of the
/// reference (platform.openai.com/docs/api-reference/images); null is the model's own choice.
/// </summary>
internal sealed record ImageAsk(long Count, string? Size, string? Quality, bool Stream, long PartialImages)
{
    public const long MostImages = 10, MostPartialImages = 3;

    /// <summary>What each partial image costs (platform.openai.com/docs/guides/image-generation, Cost and latency).</summary>
    private const long PartialTokens = 100;

    /// <summary>
    /// The same page has 4,160, 6,240 and 6,208 tokens for gpt-image-1 at high quality, and its calculator 7,024 for gpt-image-2 at 1024x1024; of
    /// sizes of one's own, which gpt-image-2 takes up to 8,294,400 pixels, 23,719.
    /// </summary>
    private const long MostLow = 408, MostMedium = 1_757, MostHigh = 7_024, MostOfAny = 23_719;

    /// <summary>The most output tokens of an image; none where images are billed each.</summary>
    public long TokensPerImage(string model) => IsBilledEach(model) ? 0 : PartialImages * PartialTokens + (Size, Quality) switch
    {
        (not (null or "auto" or "1024x1024" or "1024x1536" or "1536x1024"), _) => MostOfAny,
        (_, "low") => MostLow,
        (_, "medium") => MostMedium,
        _ => MostHigh,
    };

    /// <summary>DALL·E has prices for images, not for tokens, and tells no usage.</summary>
    public static bool IsBilledEach(string model) => model.StartsWith("dall-e", StringComparison.OrdinalIgnoreCase);

    /// <summary>Why it cannot be metered; null when it can.</summary>
    public Refusal? Mistake() =>
        Count is < 1 or > MostImages ? new Refusal.BadRequest("n", $"n must be a whole number from 1 to {MostImages}.")
        : PartialImages is < 0 or > MostPartialImages ? new Refusal.BadRequest("partial_images", $"partial_images must be a whole number from 0 to {MostPartialImages}.")
        : Stream && Count > 1 ? new Refusal.BadRequest("n", "A stream of several images does not tell what all of them used; ask for one, or do not stream.") : null;
}
