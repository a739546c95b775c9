namespace Quota.Shared.Pricing.Import;

/// <summary>
/// LiteLLM's prices that are not per token, by the model's mode, in our units. What counts a thing that nobody meters here (pixels, pages,
/// seconds of reserved machines, searches of unknown kinds) is refused unless it is 0.
/// </summary>
internal static class LiteLlmUnits
{
    private const string
        InputImage = "input_cost_per_image", OutputImage = "output_cost_per_image",
        InputSecond = "input_cost_per_second", OutputSecond = "output_cost_per_second", VideoSecond = "output_cost_per_video_per_second",
        InputCharacter = "input_cost_per_character", Query = "input_cost_per_query", Request = "input_cost_per_request",
        CodeInterpreter = "code_interpreter_cost_per_session";

    /// <summary>Lays them into the sheet and takes them from <paramref name="prices"/>.</summary>
    /// <param name="prices">By field; those that are left over have no unit here.</param>
    /// <returns>Why the model cannot be priced; null when it can.</returns>
    public static string? Lay(string mode, Dictionary<string, decimal> prices, RateSheet sheet)
    {
        var problem = mode switch
        {
            "image_generation" or "image_edit" => LayImages(prices, sheet),
            "audio_transcription" or "audio_speech" or "video_generation" => LaySeconds(prices, sheet),
            _ => null,
        };
        if (mode == "audio_speech" && prices.Remove(InputCharacter, out var character))
            sheet[Rate.PerCharacter] = character;
        // An image that a call sends; what a chat draws is not counted one by one.
        if (mode is "chat" or "completion" or "responses" or "embedding" && prices.Remove(InputImage, out var image))
            sheet[Rate.PerImage] = image;
        if (mode == "rerank" && prices.Remove(Query, out var query))
            sheet[Rate.PerRequest] = query;
        if (prices.Remove(Request, out var request))
            sheet[Rate.PerRequest] = request;
        if (prices.Remove(CodeInterpreter, out var session))
            sheet.SetTool("code_interpreter", session);
        return problem ?? prices.Where(price => price.Value != 0).Select(price => Unknown(price.Key)).FirstOrDefault();
    }

    public static string Unknown(string field) => $"{field} is not metered here";

    /// <summary>Where the image tokens have a price, a price per image says the same cost in other words: 1,290 tokens of an image, at 30 per million, are 0.039.</summary>
    private static string? LayImages(Dictionary<string, decimal> prices, RateSheet sheet)
    {
        if (sheet[Rate.ImageOutput] is null)
            return LayOne(prices, [InputImage, OutputImage], sheet, Rate.PerImage);
        prices.Remove(InputImage);
        prices.Remove(OutputImage);
        sheet[Rate.Output] ??= sheet[Rate.ImageOutput];   // what such a model puts out are images, whether or not an answer tells them apart
        return null;
    }

    /// <summary>As of images: where spoken tokens have a price, seconds say the same in other words.</summary>
    private static string? LaySeconds(Dictionary<string, decimal> prices, RateSheet sheet)
    {
        if (sheet[Rate.AudioOutput] is null)
            return LayOne(prices, [InputSecond, OutputSecond, VideoSecond], sheet, Rate.PerSecond);
        prices.Remove(OutputSecond);
        return null;
    }

    /// <summary>One thing that is priced once, under either name: whisper-1 has 0.0001 as input and as output, and costs 0.006 a minute.</summary>
    private static string? LayOne(Dictionary<string, decimal> prices, string[] fields, RateSheet sheet, Rate rate)
    {
        var found = fields.Where(prices.ContainsKey).Select(field => (Field: field, Price: prices[field])).ToArray();
        foreach (var (field, price) in found)
        {
            if (price != 0 && sheet[rate] is > 0 && sheet[rate] != price)
                return $"{string.Join(" and ", found.Select(one => one.Field))} differ";
            sheet[rate] = Math.Max(price, sheet[rate] ?? 0);
            prices.Remove(field);
        }
        return null;
    }
}
