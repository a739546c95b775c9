using System.Buffers;
using System.Globalization;
using System.IO.Pipelines;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;

namespace Quota.TestKit;

/// <summary>
/// OpenAI's images, made from JSON or from a form with pictures: a word of the prompt is a token, a picture sent is a token for each hundred
/// bytes, and all pictures made together have as many as <c>reply:n</c> says. DALL·E tells no usage.
/// </summary>
internal sealed class ImagesDialect(OpenAiDialect openAi) : IDialect
{
    private const int BytesPerToken = 100;

    /// <inheritdoc/>
    public void Read(in ReadOnlySequence<byte> body, ChatCall call)
    {
        call.Images = 1;
        try
        {
            if (body.FirstSpan is [(byte)'{', ..])
                ReadJson(body, call);
            else
                ReadForm(FormFields.Read(body), call);
        }
        catch (Exception problem) when (problem is JsonException or InvalidOperationException or KeyNotFoundException or IOException or FormatException)
        {
            call.Complaint = "The request body is not valid: " + problem.Message;
        }
    }

    /// <inheritdoc/>
    public void Name(HttpContext context, string id) => openAi.Name(context, id);

    /// <inheritdoc/>
    public Task FailAsync(HttpContext context, int status, string? complaint) => openAi.FailAsync(context, status, complaint);

    /// <inheritdoc/>
    public Answer Answer(ChatCall call, string id, DateTimeOffset now, PipeWriter output) => new ImagesAnswer(call, now.ToUnixTimeSeconds(), output);

    private static void ReadJson(in ReadOnlySequence<byte> body, ChatCall call)
    {
        using var document = JsonDocument.Parse(body);
        var root = document.RootElement;
        call.Model = root.TryGetProperty("model", out var model) ? model.GetString() ?? "" : "dall-e-2";
        call.Stream = root.TryGetProperty("stream", out var stream) && stream.ValueKind == JsonValueKind.True;
        call.Images = root.TryGetProperty("n", out var count) && count.ValueKind == JsonValueKind.Number ? count.GetInt32() : 1;
        PromptWords.Count(root.GetProperty("prompt"), call);
    }

    private static void ReadForm(FormFields form, ChatCall call)
    {
        call.Model = form.Text("model") is { Length: > 0 } model ? model : "dall-e-2";
        call.Stream = form.Text("stream") == "true";
        call.Images = form.Text("n") is { Length: > 0 } count ? int.Parse(count, CultureInfo.InvariantCulture) : 1;
        PromptWords.Count(Encoding.UTF8.GetBytes(form.Text("prompt")), call);
        call.ImageTokens = (int)(form.BytesOf("image") / BytesPerToken);
        call.InputTokens += call.ImageTokens;
    }

    private sealed class ImagesAnswer(ChatCall call, long created, PipeWriter output) : Answer(call, output)
    {
        private static readonly string Picture = Convert.ToBase64String(new byte[300]);

        private bool TellsUsage => Call.Fault != ProviderFault.NoUsage && !Call.Model.StartsWith("dall-e", StringComparison.Ordinal);

        private string Usage => string.Create(CultureInfo.InvariantCulture,
            $$$"""{"total_tokens":{{{Call.InputTokens + Call.OutputTokens}}},"input_tokens":{{{Call.InputTokens}}},"output_tokens":{{{Call.OutputTokens}}},"input_tokens_details":{"text_tokens":{{{Call.InputTokens - Call.ImageTokens}}},"image_tokens":{{{Call.ImageTokens}}}}}""");

        public override byte[] Json() => Encoding.UTF8.GetBytes(
            $"{{\"created\":{created},\"data\":[{string.Join(',', Enumerable.Repeat($"{{\"b64_json\":\"{Picture}\"}}", Call.Images))}]" + (TellsUsage ? $",\"usage\":{Usage}}}" : "}"));

        public override void WriteStart() => Write(Encoding.UTF8.GetBytes(
            $"event: image_generation.partial_image\ndata: {{\"type\":\"image_generation.partial_image\",\"partial_image_index\":0,\"b64_json\":\"{Picture}\",\"created_at\":{created}}}\n\n"));

        public override void WriteContent(int index)
        {
        }

        public override void WriteEnd() => Write(Encoding.UTF8.GetBytes(
            $"event: image_generation.completed\ndata: {{\"type\":\"image_generation.completed\",\"b64_json\":\"{Picture}\",\"created_at\":{created},\"size\":\"1024x1024\",\"quality\":\"low\",\"background\":\"opaque\",\"output_format\":\"png\""
            + (TellsUsage ? $",\"usage\":{Usage}}}\n\n" : "}\n\n")));
    }
}
