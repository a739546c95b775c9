using System.Globalization;
using System.Text.Json;
using Quota.TestKit;

namespace Quota.EndToEnd.Tests.Sdks;

/// <summary>The last release that speaks API version 2023-06-01, its base URL changed and nothing else: the key goes in <c>x-api-key</c>.</summary>
public sealed class MessagesNpm0Tests(SdkScene scene) : MessagesNpmTests(scene, "@anthropic-ai/sdk@0.137.0", isBearer: false, onPaymentRequired: "APIError");

/// <summary>
/// The newest release. Its key goes in <c>Authorization: Bearer</c>, and it speaks API version 2026-10-21.
/// </summary>
public sealed class MessagesNpm1Tests(SdkScene scene) : MessagesNpmTests(scene, "@anthropic-ai/sdk", isBearer: true, onPaymentRequired: "PaymentRequiredError");

/// <summary>
/// The official npm package <c>@anthropic-ai/sdk</c>. It obeys <c>x-should-retry</c> and <c>Retry-After</c>, and shows the whole body of
/// an error. It knows 402 by a class of its own since 1.0.
/// </summary>
public abstract class MessagesNpmTests(SdkScene scene, string package, bool isBearer, string onPaymentRequired) : IClassFixture<SdkScene>
{
    private const string Pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

    [Fact]
    public async Task Plain_and_streamed_calls_are_what_the_provider_itself_answers_and_are_metered_so()
    {
        object[] calls =
        [
            Call("hello cached:20 reply:9"), Call("hello cached:20 reply:70", stream: true), Call("hello reply:70", stream: true, max: 10), Rich(stream: false), Rich(stream: true),
        ];
        await using var proxy = await scene.ProxyAsync();
        var through = await CallAsync(proxy.Url, SdkScene.Counted, null, calls);
        var direct = await CallAsync(scene.Provider.BaseUrl, FakeProvider.DefaultCredential, null, calls);
        foreach (var (ours, theirs) in through.Zip(direct))
            Seen(ours).ShouldBe(Seen(theirs));
        through.Select(it => FakeProvider.TokensIn(Seen(it))).ShouldBe([9, 70, 10, 12, 12]);
        through.Select(it => Text(it.GetProperty("seen"), "stop_reason")).ShouldBe(["end_turn", "end_turn", "max_tokens", "end_turn", "end_turn"]);
        through[1].GetProperty("seen").GetProperty("events").GetInt32().ShouldBeGreaterThan(10);
        Attempts(proxy, SdkScene.Counted).Count.ShouldBe(calls.Length);
        await MeteredMessages.CheckAsync(scene, [.. through.Select(it => Told(it.GetProperty("seen").GetProperty("usage")))]);
    }

    [Fact]
    public async Task A_rate_limit_is_its_rate_limit_error()
    {
        await using var proxy = await scene.ProxyAsync();
        var outcomes = await CallAsync(proxy.Url, SdkScene.Slow, 0, Call("hello reply:1"), Call("hello reply:1"));
        outcomes[0].TryGetProperty("error", out _).ShouldBeFalse();
        Refused(outcomes[1], "RateLimitError", 429, "rate_limit_error").ShouldContain("slow-rpm");
        int.Parse(Text(outcomes[1], "retry_after"), CultureInfo.InvariantCulture).ShouldBeInRange(1, 60);
        outcomes[1].GetProperty("body").GetProperty("quota").GetProperty("limit").GetString().ShouldBe("slow-rpm");
        var told = Attempts(proxy, SdkScene.Slow)[0].Headers;
        (told["anthropic-ratelimit-requests-limit"], told["anthropic-ratelimit-requests-remaining"]).ShouldBe(("1", "0"));
    }

    [Fact]
    public async Task It_waits_as_Retry_After_says_and_succeeds()
    {
        await using var proxy = await scene.ProxyAsync();
        var outcomes = await CallAsync(proxy.Url, SdkScene.Brisk, null, Call("hello reply:1"), Call("hello reply:1"), Call("hello reply:1", stream: true));
        outcomes.ShouldAllBe(outcome => FakeProvider.TokensIn(Seen(outcome)) == 1);
        WaitedOut.Check(Attempts(proxy, SdkScene.Brisk), served: 3);
    }

    [Fact]
    public async Task A_budget_that_is_used_up_comes_back_at_once_after_one_attempt()
    {
        await using var proxy = await scene.ProxyAsync();
        var outcomes = await CallAsync(proxy.Url, SdkScene.Poor, null, Call("hello reply:1"), Call("hello reply:1"), Call("hello reply:1", stream: true));
        foreach (var outcome in outcomes.Skip(1))
        {
            Refused(outcome, onPaymentRequired, 402, "billing_error").ShouldContain("poor-month");
            outcome.GetProperty("seconds").GetDouble().ShouldBeLessThan(2);
            outcome.GetProperty("body").GetProperty("quota").GetProperty("limit").GetString().ShouldBe("poor-month");
        }
        var attempts = Attempts(proxy, SdkScene.Poor);
        attempts.Select(attempt => attempt.Status).ShouldBe([200, 402, 402]);
        attempts.Skip(1).ShouldAllBe(attempt => attempt.Headers["x-should-retry"] == "false" && !attempt.Headers.ContainsKey("retry-after"));
    }

    [Fact]
    public async Task What_is_refused_for_good_is_its_own_error_type_with_our_message_and_is_tried_once()
    {
        await using var proxy = await scene.ProxyAsync();
        Refused((await CallAsync(proxy.Url, "qk_sdk_nobody", null, Call("hello")))[0], "AuthenticationError", 401, "authentication_error").ShouldContain("x-api-key");
        var narrow = await CallAsync(proxy.Url, SdkScene.Narrow, null, Call("hello", model: "claude-opus-4-5"));
        Refused(narrow[0], "PermissionDeniedError", 403, "permission_error").ShouldContain("claude-opus-4-5");
        var tiny = await CallAsync(proxy.Url, SdkScene.Tiny, null, Call("hello"), Call("hello", model: "nobody-serves-this"), Call("hello", max: 0));
        Refused(tiny[0], "BadRequestError", 400, "invalid_request_error").ShouldContain("tiny-month");
        Refused(tiny[1], "NotFoundError", 404, "not_found_error").ShouldContain("nobody-serves-this");
        Refused(tiny[2], "BadRequestError", 400, "invalid_request_error").ShouldContain("max_tokens");
        Attempts(proxy, "qk_sdk_nobody", SdkScene.Narrow, SdkScene.Tiny).Count.ShouldBe(5);
    }

    /// <summary>Checks the error's class, status and type; returns the message.</summary>
    private static string Refused(JsonElement outcome, string error, int status, string type)
    {
        (Text(outcome, "error"), outcome.GetProperty("status").GetInt32(), Text(outcome, "type"), outcome.GetProperty("own").GetBoolean()).ShouldBe((error, status, type, true));
        return Text(outcome, "message");
    }

    private static string Seen(JsonElement outcome) => outcome.TryGetProperty("seen", out var seen) ? seen.GetRawText() : throw new ShouldAssertException($"refused: {outcome}");

    private static (long Input, long Output) Told(JsonElement usage)
    {
        long Number(string field) => usage.GetProperty(field).GetInt64();
        return (Number("input_tokens") + Number("cache_read_input_tokens") + Number("cache_creation_input_tokens"), Number("output_tokens"));
    }

    private static string Text(JsonElement outcome, string field) => outcome.TryGetProperty(field, out var value) ? value.GetString() ?? "" : $"no {field} in {outcome}";

    private static object Call(string prompt, bool stream = false, string model = SdkScene.Claude, int max = 100) =>
        new { stream, body = new { model, max_tokens = max, messages = new[] { new { role = "user", content = prompt } } } };

    /// <summary>A tool, a picture, and two cached blocks: one for five minutes, one for an hour.</summary>
    private static object Rich(bool stream) => new
    {
        stream,
        body = new
        {
            model = SdkScene.Claude,
            max_tokens = 100,
            system = new[] { new { type = "text", text = "be brief and kind", cache_control = new { type = "ephemeral", ttl = "1h" } } },
            tools = new[] { new { name = "clock", description = "the time", input_schema = new { type = "object", properties = new { zone = new { type = "string" } } } } },
            messages = new[]
            {
                new
                {
                    role = "user",
                    content = new object[]
                    {
                        new { type = "image", source = new { type = "base64", media_type = "image/png", data = Pixel } },
                        new { type = "text", text = "what is this", cache_control = new { type = "ephemeral" } },
                        new { type = "text", text = "tell me cached:50 reply:12" },
                    },
                },
            },
        },
    };

    /// <summary>What came through this proxy, which tells keys apart by bearer token alone.</summary>
    private List<Attempt> Attempts(CountingProxy proxy, params string[] keys) => [.. (isBearer ? keys : [""]).SelectMany(proxy.AttemptsOf)];

    private async Task<IReadOnlyList<JsonElement>> CallAsync(string url, string key, int? retries, params object[] calls)
    {
        var options = new Dictionary<string, object>();
        if (retries is { } count)
            options["maxRetries"] = count;
        return [.. (await NpmPackage.RunAsync(package, "anthropic-calls.mjs", new { baseURL = url, apiKey = key, options, calls })).EnumerateArray()];
    }
}
