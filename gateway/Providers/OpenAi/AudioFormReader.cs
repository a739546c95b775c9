namespace Quota.Gateway.Providers.OpenAi;

/// <summary>
/// Reads a form with audio to transcribe or to translate (platform.openai.com/docs/api-reference/audio). Whisper is billed by the second,
/// others by tokens; the file's length bounds both.
/// </summary>
internal static class AudioFormReader
{
    /// <summary>The largest file that is taken (platform.openai.com/docs/guides/speech-to-text, File uploads; Azure has the same).</summary>
    public const long MostBytes = 25 << 20;

    /// <summary>More than anybody says in a second.</summary>
    private const long MostTokensPerSecond = 10;

    /// <summary>The context window of the models that are billed by tokens (platform.openai.com/docs/models/gpt-4o-transcribe).</summary>
    private const long MostTokens = 16_000;

    public static RequestReading Read(ReadOnlyMemory<byte> body, string? contentType)
    {
        if (MultipartForm.Read(body, contentType, out var problem) is not { } form)
            return new Refusal.BadRequest(null, problem);
        var twice = new List<string>();
        var (modelAt, stream) = (form.Find("model", twice), form.Text("stream", twice));
        var file = form.File("file", twice);
        form.Find("response_format", twice);
        if (twice.Count > 0)
            return new Refusal.BadRequest(twice[0], $"{twice[0]} stands in the form more than once, or as a file where it must be none, or the other way; which counts is ambiguous.");
        if (stream is not (null or "true" or "false" or "True" or "False"))
            return new Refusal.BadRequest("stream", "stream must be true or false.");
        if (file.IsEmpty)
            return new Refusal.BadRequest("file", "You must send a file with audio in it.");
        if (modelAt is not { } at || form.Text(at) is not { Length: > 0 and <= 256 } model || RequestJson.HasControl(model))
            return new Refusal.BadRequest("model", "You must name a model, with at most 256 characters and no control characters.");
        return Request(model, body.Length, AudioLength.MostSeconds(file)) with { ModelAt = at, IsForm = true, Stream = stream is "true" or "True", Body = new SplicedBody(body) };
    }

    /// <summary>A request whose path names the model and whose form passes unread: its length is all that is known.</summary>
    public static RequestReading Unread(string model, long? contentLength)
    {
        var bytes = Math.Min(contentLength ?? MostBytes, MostBytes);
        return Request(model, bytes, AudioLength.MostSeconds(bytes)) with { StreamsBody = true };
    }

    /// <summary>Whether a model is billed by the second; others are by tokens.</summary>
    private static bool IsBilledBySecond(string model) => model.StartsWith("whisper", StringComparison.OrdinalIgnoreCase);

    private static ProviderRequest Request(string model, long bytes, long seconds) => new()
    {
        Model = model, Stream = false, InputBytes = bytes, HasMedia = true, HasAudio = true, Images = 0, Seconds = seconds,
        MostInputTokens = IsBilledBySecond(model) ? 0 : null, OutputBound = IsBilledBySecond(model) ? 0 : Math.Min(seconds * MostTokensPerSecond, MostTokens), Choices = 1, Body = default, BoundPlace = null,
    };
}
