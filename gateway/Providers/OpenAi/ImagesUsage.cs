using System.Text.Json;
using Quota.Shared.Usage;
using static Quota.Gateway.Providers.UsageObject;

namespace Quota.Gateway.Providers.OpenAi;

/// <summary>The usage object of an image endpoint (ImageGenUsage, ImagesUsage): input is text and images, output is images unless it says otherwise.</summary>
internal static class ImagesUsage
{
    /// <summary>The counts of a usage object; null when it is not one.</summary>
    public static UsageCounts? Parse(ReadOnlySpan<byte> json) => UsageObject.Parse(json, Of);

    private static UsageCounts? Of(JsonElement usage)
    {
        if (Number(usage, "input_tokens") is not { } input || Number(usage, "output_tokens") is not { } output)
            return null;
        var (images, texts) = (Detail(usage, "input_tokens_details", "image_tokens"), Detail(usage, "output_tokens_details", "text_tokens"));
        return images > input || texts > output ? null
            : new UsageCounts { Requests = 1, InputTokens = input, OutputTokens = output, ImageTokens = ChatUsage.Some(images), ImageOutputTokens = ChatUsage.Some(output - texts) };
    }
}
