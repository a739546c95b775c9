using System.Text.Json;
using Quota.TestKit;

namespace Quota.EndToEnd.Tests.Sdks;

/// <summary>
/// The official npm package <c>@google/genai</c>, its base URL changed and nothing else. It shows its callers the whole body of an error as text, and
/// repeats nothing unless told to.
/// </summary>
public sealed class GeminiNpmTests(SdkScene scene) : IClassFixture<SdkScene>
{
    private const string Package = "@google/genai";
    private const string Pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

    [Fact]
    public async Task Plain_and_streamed_calls_are_what_the_provider_itself_answers_and_are_metered_so()
    {
        object[] calls =
        [
            Call("generateContent", "hello cached:20 reply:9"), Call("generateContentStream", "hello cached:20 reply:70"), Call("generateContentStream", "hello reply:70", most: 10),
            Rich("generateContent"), Rich("generateContentStream"),
        ];
        var through = await CallAsync(scene.Root, SdkScene.Counted, calls);
        var direct = await CallAsync(scene.Provider.BaseUrl, FakeProvider.DefaultCredential, calls);
        through.Select(Seen).ShouldBe(direct.Select(Seen));
        through.Select(it => FakeProvider.TokensIn(Seen(it))).ShouldBe([9, 70, 10, 12, 12]);
        through.Select(it => it.GetProperty("seen").GetProperty("finish").GetString()).ShouldBe(["STOP", "STOP", "MAX_TOKENS", "STOP", "STOP"]);
        through[1].GetProperty("seen").GetProperty("chunks").GetInt32().ShouldBeGreaterThan(10);
        var events = await scene.EventsAsync("counted", calls.Length);
        foreach (var (it, told) in events.OrderBy(it => it.GetProperty("at").GetDateTimeOffset()).Zip(through.Select(it => it.GetProperty("seen").GetProperty("usage"))))
        {
            var (counted, usage) = (await scene.Provider.Served.EndOfAsync(it.GetProperty("id").GetString()!), it.GetProperty("usage"));
            (Number(usage, "input_tokens"), Number(usage, "output_tokens"), Number(usage, "cached_input_tokens"), Number(usage, "reasoning_tokens"))
                .ShouldBe((counted.InputTokens, counted.OutputTokens, counted.CachedInputTokens, Number(told, "thoughtsTokenCount")));
            (Number(told, "promptTokenCount"), Number(told, "candidatesTokenCount") + Number(told, "thoughtsTokenCount")).ShouldBe((counted.InputTokens, counted.OutputTokens));
            (it.GetProperty("provider").GetString(), it.GetProperty("estimated").GetBoolean()).ShouldBe(("gemini", false));
        }
        await Eventually.TrueAsync("the counter says the same", async () => await scene.StandingAsync("counted-output") == (events.Sum(it => Number(it.GetProperty("usage"), "output_tokens")), 0), detail: () => scene.Output);
    }

    [Fact]
    public async Task Models_are_listed_tokens_counted_and_contents_embedded()
    {
        var outcomes = await CallAsync(scene.Root, SdkScene.Free, new { method = "list" }, Call("countTokens", "one two three"), new { method = "embedContent", body = new { model = SdkScene.GeminiEmbedding, contents = new[] { "one two", "three" } } });
        outcomes[0].GetProperty("seen").GetProperty("names").EnumerateArray().Select(it => it.GetString()).ShouldBe(["models/" + SdkScene.Gemini, "models/" + SdkScene.GeminiEmbedding]);
        outcomes[1].GetProperty("seen").GetProperty("totalTokens").GetInt32().ShouldBe(3);
        outcomes[2].GetProperty("seen").GetProperty("embeddings").GetInt32().ShouldBe(2);
    }

    [Fact]
    public async Task A_refusal_is_its_own_error_with_googles_status_and_our_message()
    {
        var hello = Call("generateContent", "hello reply:1");
        var slow = await CallAsync(scene.Root, SdkScene.Slow, hello, hello, Call("generateContentStream", "hello reply:1"));
        slow[0].TryGetProperty("error", out _).ShouldBeFalse();
        foreach (var refused in slow.Skip(1))
            Refused(refused, 429, "RESOURCE_EXHAUSTED").GetProperty("error").GetProperty("details")[0].GetProperty("retryDelay").GetString()!.ShouldEndWith("s");
        var poor = await CallAsync(scene.Root, SdkScene.Poor, hello, hello);
        Refused(poor[1], 429, "RESOURCE_EXHAUSTED").GetProperty("quota").GetProperty("limit").GetString().ShouldBe("poor-month");
        Refused((await CallAsync(scene.Root, "qk_sdk_nobody", hello))[0], 401, "UNAUTHENTICATED");
        Refused((await CallAsync(scene.Root, SdkScene.Narrow, hello))[0], 403, "PERMISSION_DENIED");
        var tiny = await CallAsync(scene.Root, SdkScene.Tiny, hello, Call("generateContent", "hello", model: "nobody-serves-this"), Call("generateContent", "hello", most: 0));
        Refused(tiny[0], 400, "INVALID_ARGUMENT").GetProperty("quota").GetProperty("limit").GetString().ShouldBe("tiny-month");
        Refused(tiny[1], 404, "NOT_FOUND");
        Refused(tiny[2], 400, "INVALID_ARGUMENT");
    }

    /// <summary>Checks the error's class and status; returns the body that it shows.</summary>
    private static JsonElement Refused(JsonElement outcome, int status, string word)
    {
        (outcome.GetProperty("error").GetString(), outcome.GetProperty("own").GetBoolean(), outcome.GetProperty("status").GetInt32()).ShouldBe(("ApiError", true, status));
        var body = JsonElement.Parse(outcome.GetProperty("message").GetString()!);
        body.GetProperty("error").GetProperty("status").GetString().ShouldBe(word);
        return body;
    }

    private static string Seen(JsonElement outcome) => outcome.TryGetProperty("seen", out var seen) ? seen.GetRawText() : throw new ShouldAssertException($"refused: {outcome}");

    private static long Number(JsonElement usage, string field) => usage.TryGetProperty(field, out var number) ? number.GetInt64() : 0;

    private static object Call(string method, string prompt, string model = SdkScene.Gemini, int most = 100) =>
        method == "countTokens" ? new { method, body = (object)new { model, contents = prompt } } : new { method, body = (object)new { model, contents = prompt, config = new { maxOutputTokens = most } } };

    /// <summary>A system instruction, a function, a picture, and thoughts.</summary>
    private static object Rich(string method) => new
    {
        method,
        body = new
        {
            model = SdkScene.Gemini,
            contents = new[] { new { role = "user", parts = new object[] { new { inlineData = new { mimeType = "image/png", data = Pixel } }, new { text = "what is this cached:50 reply:12" } } } },
            config = new
            {
                maxOutputTokens = 100,
                systemInstruction = "be brief and kind",
                thinkingConfig = new { thinkingBudget = 5 },
                tools = new[] { new { functionDeclarations = new[] { new { name = "clock", description = "the time", parameters = new { type = "OBJECT", properties = new { zone = new { type = "STRING" } } } } } } },
            },
        },
    };

    private static async Task<IReadOnlyList<JsonElement>> CallAsync(string url, string key, params object[] calls) =>
        [.. (await NpmPackage.RunAsync(Package, "gemini-calls.mjs", new { baseURL = url, apiKey = key, calls })).EnumerateArray()];
}
