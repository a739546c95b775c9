using System.Text.Json;
using Quota.TestKit;

namespace Quota.EndToEnd.Tests.Sdks;

/// <summary>
/// OpenAI's other endpoints, and Azure's, with the npm package <c>openai</c>: what it parses through the gateway is what it parses from the
/// provider itself, and each call is one event with the provider's own numbers.
/// </summary>
public sealed class EndpointsNpmTests(SdkScene scene) : IClassFixture<SdkScene>
{
    private const string Pixel = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

    /// <summary>Bytes of the audio that is sent; in the long form the most that OpenAI takes.</summary>
    private static readonly int AudioBytes = LongForm.IsOn ? (25 << 20) - 4096 : 2 << 20;

    private static readonly object[] Calls =
    [
        Call("chat", new { model = "gpt-4o-mini", max_tokens = 50, messages = new[] { new { role = "user", content = new object[] { new { type = "text", text = "what is this reply:9" }, new { type = "image_url", image_url = new { url = Pixel } } } } } }),
        Call("chat", new
        {
            model = "gpt-4o-mini", max_tokens = 50, stream = true, stream_options = new { include_usage = true },
            tools = new[] { new { type = "function", function = new { name = "clock", parameters = new { type = "object", properties = new { zone = new { type = "string" } } } } } },
            messages = new[] { new { role = "user", content = "hello reply:40" } },
        }),
        Call("completions", new { model = "gpt-4o-mini", prompt = "once upon a time reply:12", max_tokens = 10 }),
        Call("completions", new { model = "gpt-4o-mini", prompt = "once upon a time reply:12", max_tokens = 20, stream = true }),
        Call("embeddings", new { model = "text-embedding-3-small", input = new[] { "one two", "three" }, encoding_format = "float" }),
        Call("images", new { model = "gpt-image-1", prompt = "a cat reply:9", n = 2, size = "1024x1024", quality = "low" }),
        Call("edits", new { model = "gpt-image-1", prompt = "as a cat reply:9", size = "1024x1024", quality = "low" }, 30_000),
        Call("speech", new { model = "tts-1", voice = "alloy", input = "hello there" }),
        Call("transcriptions", new { model = "gpt-4o-transcribe", prompt = "so it reply:9" }, AudioBytes),
        Call("transcriptions", new { model = "gpt-4o-transcribe", prompt = "so it reply:9", stream = true }, 90_000),
        Call("translations", new { model = "whisper-1", response_format = "verbose_json" }, AudioBytes),
    ];

    [Fact]
    public async Task What_it_parses_is_what_the_provider_itself_answers_and_is_metered_so()
    {
        var through = await CallAsync(scene.BaseUrl, SdkScene.Counted, null, Calls);
        await CheckAsync(through, await CallAsync(scene.Provider.BaseUrl + "/v1", FakeProvider.DefaultCredential, null, Calls), Calls.Length);
        (await CallAsync(scene.BaseUrl, SdkScene.Counted, null, Call("moderations", new { model = "omni-moderation-latest", input = "hello" })))[0].GetProperty("begins").GetString()!.ShouldContain("\"flagged\":false");
    }

    [Fact]
    public async Task Azures_own_client_is_served_the_same()
    {
        object[] calls =
        [
            Call("chat", new { model = "gpt-4o-mini", max_tokens = 50, messages = new[] { new { role = "user", content = "hello reply:9" } } }),
            Call("chat", new { model = "gpt-4o-mini", max_tokens = 50, stream = true, messages = new[] { new { role = "user", content = "hello reply:9" } } }),
            Call("embeddings", new { model = "text-embedding-3-small", input = "one two", encoding_format = "float" }),
            Call("transcriptions", new { model = "whisper-1", response_format = "verbose_json" }, AudioBytes),
        ];
        await using var proxy = await scene.ProxyAsync();
        var through = await CallAsync(proxy.Url, SdkScene.Azure, "2024-10-21", calls);
        await CheckAsync(through, await CallAsync(scene.Provider.BaseUrl, FakeProvider.DefaultCredential, "2024-10-21", calls), calls.Length, "azure");
    }

    /// <summary>Both saw the same, and of each call there is an event that says what the provider counted.</summary>
    private async Task CheckAsync(IReadOnlyList<JsonElement> through, IReadOnlyList<JsonElement> direct, int count, string user = "counted")
    {
        foreach (var (ours, theirs) in through.Zip(direct))
            ours.GetRawText().ShouldBe(theirs.GetRawText());
        through.Where(it => it.TryGetProperty("error", out _)).ShouldBeEmpty();
        foreach (var it in await scene.EventsAsync(user, count))
        {
            var counted = await scene.Provider.Served.EndOfAsync(it.GetProperty("request_id").GetString()!);
            var usage = it.GetProperty("usage");
            it.GetProperty("estimated").GetBoolean().ShouldBeFalse();
            if (Number(usage, "input_tokens") > 0)
                (Number(usage, "input_tokens"), Number(usage, "output_tokens")).ShouldBe((counted.InputTokens, counted.OutputTokens));
            else
                (Number(usage, "seconds"), Number(usage, "characters")).ShouldBe((counted.Seconds, counted.Characters));
            if (counted.FileBytes > 0)
                Number(usage, "bytes_in").ShouldBeGreaterThan(counted.FileBytes);
        }
    }

    private static object Call(string kind, object body, int bytes = 0) => new { kind, body, bytes };

    private static long Number(JsonElement usage, string field) => usage.TryGetProperty(field, out var number) && number.ValueKind == JsonValueKind.Number ? number.GetInt64() : 0;

    private static async Task<IReadOnlyList<JsonElement>> CallAsync(string url, string key, string? azure, params object[] calls) =>
        [.. (await NpmPackage.RunAsync("openai", "openai-endpoints.mjs", new { baseURL = url, apiKey = key, azure, calls })).EnumerateArray()];
}
