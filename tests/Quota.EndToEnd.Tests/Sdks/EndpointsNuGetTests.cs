using System.ClientModel;
using System.Text.Json;
using OpenAI;
using OpenAI.Audio;
using OpenAI.Chat;
using OpenAI.Embeddings;
using OpenAI.Images;
using Quota.TestKit;

namespace Quota.EndToEnd.Tests.Sdks;

/// <summary>OpenAI's other endpoints with the NuGet package <c>OpenAI</c>: what it parses through the gateway is what it parses from the provider itself.</summary>
public sealed class EndpointsNuGetTests(SdkScene scene) : IClassFixture<SdkScene>
{
    private static readonly int AudioBytes = LongForm.IsOn ? (25 << 20) - 4096 : 2 << 20;

    [Fact]
    public async Task What_it_parses_is_what_the_provider_itself_answers_and_is_metered_so()
    {
        var through = await SeenAsync(scene.BaseUrl, SdkScene.Other);
        through.ShouldBe(await SeenAsync(scene.Provider.BaseUrl + "/v1", FakeProvider.DefaultCredential));
        var events = await scene.EventsAsync("other", through.Count);
        foreach (var it in events)
        {
            var counted = await scene.Provider.Served.EndOfAsync(it.GetProperty("request_id").GetString()!);
            var usage = it.GetProperty("usage");
            it.GetProperty("estimated").GetBoolean().ShouldBeFalse();
            (Number(usage, "output_tokens"), Number(usage, "characters")).ShouldBe((counted.Characters > 0 ? 0 : counted.Seconds > 0 && counted.Model == "whisper-1" ? 0 : counted.OutputTokens, counted.Characters));
        }
    }

    private static async Task<List<string>> SeenAsync(string url, string key)
    {
        var (credential, options) = (new ApiKeyCredential(key), new OpenAIClientOptions { Endpoint = new Uri(url) });
        var seen = new List<string>();
        var picture = ChatMessageContentPart.CreateImagePart(BinaryData.FromBytes(new byte[64]), "image/png");
        var tool = ChatTool.CreateFunctionTool("clock", "the time", BinaryData.FromString("""{"type":"object","properties":{"zone":{"type":"string"}}}"""));
        var chat = (await new ChatClient("gpt-4o-mini", credential, options).CompleteChatAsync([new UserChatMessage(ChatMessageContentPart.CreateTextPart("what is this reply:9"), picture)], new ChatCompletionOptions { MaxOutputTokenCount = 50, Tools = { tool } })).Value;
        seen.Add($"{chat.Content[0].Text} {chat.FinishReason} {chat.Usage.InputTokenCount} {chat.Usage.OutputTokenCount}");
        var embeddings = (await new EmbeddingClient("text-embedding-3-small", credential, options).GenerateEmbeddingsAsync(["one two", "three"])).Value;
        seen.Add($"{embeddings.Usage.InputTokenCount} {embeddings.Model}");
        var image = (await new ImageClient("gpt-image-1", credential, options).GenerateImagesAsync("a cat reply:9", 2)).Value;
        seen.Add($"{image.Count} {Convert.ToBase64String(image[0].ImageBytes)}");
        var audio = new AudioClient("whisper-1", credential, options);
        using var recording = new MemoryStream(new byte[AudioBytes]);
        var transcript = (await audio.TranscribeAudioAsync(recording, "a.mp3", new AudioTranscriptionOptions { ResponseFormat = AudioTranscriptionFormat.Verbose })).Value;
        seen.Add($"{transcript.Text} {transcript.Duration}");
        var speech = (await new AudioClient("tts-1", credential, options).GenerateSpeechAsync("hello there", GeneratedSpeechVoice.Alloy)).Value;
        seen.Add($"{speech.ToArray().Length}");
        return seen;
    }

    private static long Number(JsonElement usage, string field) => usage.TryGetProperty(field, out var number) && number.ValueKind == JsonValueKind.Number ? number.GetInt64() : 0;
}
