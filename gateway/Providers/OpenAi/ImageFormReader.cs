namespace Quota.Gateway.Providers.OpenAi;

/// <summary>
/// Reads a form with images to edit or to vary (platform.openai.com/docs/api-reference/images/createEdit, …/createVariation). An image's
/// tokens depend on its pixels, which nobody counts here: the model's window bounds them.
/// </summary>
internal static class ImageFormReader
{
    public static RequestReading Read(ReadOnlyMemory<byte> body, string? contentType)
    {
        if (MultipartForm.Read(body, contentType, out var problem) is not { } form)
            return new Refusal.BadRequest(null, problem);
        var twice = new List<string>();
        var modelAt = form.Find("model", twice);
        var (size, quality) = (form.Text("size", twice), form.Text("quality", twice));
        var stream = form.Text("stream", twice);
        if (!TryCount(form.Text("n", twice), 1, out var count))
            return new Refusal.BadRequest("n", "n must be a whole number.");
        if (!TryCount(form.Text("partial_images", twice), 0, out var partials))
            return new Refusal.BadRequest("partial_images", "partial_images must be a whole number.");
        if (twice.Count > 0)
            return new Refusal.BadRequest(twice[0], $"{twice[0]} stands in the form more than once, or not as a field; which counts is ambiguous.");
        if (stream is not (null or "true" or "false"))
            return new Refusal.BadRequest("stream", "stream must be true or false.");
        if (!form.HasFile(name => name is "image" or "image[]" || (name.StartsWith("image[", StringComparison.Ordinal) && name.EndsWith(']'))))
            return new Refusal.BadRequest("image", "You must send an image.");
        if (modelAt is not { } at || form.Text(at) is not { Length: > 0 and <= 256 } model || RequestJson.HasControl(model))
            return new Refusal.BadRequest("model", "You must name a model, with at most 256 characters: the provider's default is not the same at all times.");
        var ask = new ImageAsk(count, size, quality, stream == "true", partials);
        if (ask.Mistake() is { } mistake)
            return mistake;
        return new ProviderRequest
        {
            Model = model, ModelAt = at, IsForm = true, Stream = ask.Stream, InputBytes = body.Length, HasMedia = true, HasImages = true, Images = count,
            OutputBound = ask.TokensPerImage(model), Choices = count, Body = new SplicedBody(body), BoundPlace = null,
        };
    }

    private static bool TryCount(string? text, long otherwise, out long count)
    {
        count = otherwise;
        return text is null || long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out count);
    }
}
