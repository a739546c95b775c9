using System.Globalization;
using System.Text.Json;
using Quota.TestKit;

namespace Quota.EndToEnd.Tests.Sdks;

/// <summary>
/// The official npm package <c>openai</c>, its base URL changed and nothing else. It obeys <c>x-should-retry</c>, sleeps for any
/// <c>Retry-After</c> however long, and of an error body its callers see what lies in <c>error</c> only.
/// </summary>
public sealed class NpmSdkTests(SdkScene scene) : IClassFixture<SdkScene>
{
    private static readonly object OneTry = new { maxRetries = 0 };
    private static readonly object AsItIs = new { };

    [Fact]
    public async Task A_plain_call_and_a_streamed_call_work()
    {
        var outcomes = await CallAsync(SdkScene.Free, AsItIs, Call("hello reply:9"), Call("hello reply:70", stream: true), Call("hello reply:70", max: 10));
        outcomes[0].GetProperty("output_tokens").GetInt32().ShouldBe(9);
        FakeProvider.TokensIn(Text(outcomes[0], "text")).ShouldBe(9);
        FakeProvider.TokensIn(Text(outcomes[1], "text")).ShouldBe(70);
        Text(outcomes[1], "finish").ShouldBe("stop");
        outcomes[1].GetProperty("chunks").GetInt32().ShouldBeGreaterThan(10);
        (outcomes[2].GetProperty("output_tokens").GetInt32(), Text(outcomes[2], "finish")).ShouldBe((10, "length"));
        scene.Attempts(SdkScene.Free).Count.ShouldBe(3);
    }

    [Fact]
    public async Task A_rate_limit_is_its_rate_limit_error()
    {
        var outcomes = await CallAsync(SdkScene.Slow, OneTry, Call("hello reply:1"), Call("hello reply:1"));
        outcomes[0].TryGetProperty("error", out _).ShouldBeFalse();
        Refused(outcomes[1], "RateLimitError", 429, "rate_limit_exceeded").ShouldContain("slow-rpm");
        int.Parse(Text(outcomes[1], "retry_after"), CultureInfo.InvariantCulture).ShouldBeInRange(1, 60);
        Quota(outcomes[1]).GetProperty("limit").GetString().ShouldBe("slow-rpm");
    }

    [Fact]
    public async Task It_waits_as_Retry_After_says_and_succeeds()
    {
        var outcomes = await CallAsync(SdkScene.Brisk, AsItIs, Call("hello reply:1"), Call("hello reply:1"), Call("hello reply:1", stream: true));
        outcomes.ShouldAllBe(outcome => FakeProvider.TokensIn(Text(outcome, "text")) == 1);
        WaitedOut.Check(scene.Attempts(SdkScene.Brisk), served: 3);
    }

    [Fact]
    public async Task A_budget_that_is_used_up_comes_back_at_once_after_one_attempt()
    {
        var outcomes = await CallAsync(SdkScene.Poor, AsItIs, Call("hello reply:1"), Call("hello reply:1"));
        Refused(outcomes[1], "RateLimitError", 429, "insufficient_quota").ShouldContain("poor-month");
        outcomes[1].GetProperty("seconds").GetDouble().ShouldBeLessThan(2);   // measured 0.02; it sleeps between attempts only, and there is one
        var attempts = scene.Attempts(SdkScene.Poor);
        attempts.Select(attempt => attempt.Status).ShouldBe([200, 429]);
        attempts[1].Headers["x-should-retry"].ShouldBe("false");
        attempts[1].Headers.ContainsKey("retry-after").ShouldBeFalse();
        var quota = Quota(outcomes[1]);
        (quota.GetProperty("limit").GetString(), quota.GetProperty("meter").GetString(), quota.GetProperty("used").GetString()).ShouldBe(("poor-month", "requests", "1"));
    }

    [Fact]
    public async Task What_is_refused_for_good_is_its_own_error_type_with_our_message_and_is_tried_once()
    {
        Refused((await CallAsync("qk_sdk_nobody", AsItIs, Call("hello")))[0], "AuthenticationError", 401, "invalid_api_key").ShouldContain("API key");
        var narrow = await CallAsync(SdkScene.Narrow, AsItIs, Call("hello", model: "gpt-4o"), Call("hello", model: "nobody-serves-this"));
        Refused(narrow[0], "PermissionDeniedError", 403, "model_not_allowed").ShouldContain("gpt-4o");
        narrow[1].GetProperty("status").GetInt32().ShouldBeOneOf(403, 404);   // not allowed and not there: either is true
        var tiny = await CallAsync(SdkScene.Tiny, AsItIs, Call("hello", max: 100), Call("hello", model: "nobody-serves-this"));
        Refused(tiny[0], "BadRequestError", 400, "quota_never_fits").ShouldContain("tiny-month");
        Quota(tiny[0]).GetProperty("limit").GetString().ShouldBe("tiny-month");
        Refused(tiny[1], "NotFoundError", 404, "model_not_found").ShouldContain("nobody-serves-this");
        (scene.Attempts("qk_sdk_nobody").Count, scene.Attempts(SdkScene.Narrow).Count, scene.Attempts(SdkScene.Tiny).Count).ShouldBe((1, 2, 2));
    }

    /// <summary>Checks type, status and code, and that our <c>x-request-id</c> is at hand; returns the message.</summary>
    private static string Refused(JsonElement outcome, string error, int status, string code)
    {
        (Text(outcome, "error"), outcome.GetProperty("status").GetInt32(), Text(outcome, "code")).ShouldBe((error, status, code));
        return Text(outcome, "message");
    }

    /// <summary>The SDK's callers see what lies in <c>error</c>, so there it has to be.</summary>
    private static JsonElement Quota(JsonElement outcome) =>
        outcome.GetProperty("body").TryGetProperty("quota", out var quota) ? quota : throw new ShouldAssertException($"No quota object in error: {outcome}");

    private static string Text(JsonElement outcome, string field) => outcome.TryGetProperty(field, out var value) ? value.GetString() ?? "" : $"no {field} in {outcome}";

    private static object Call(string prompt, string model = "gpt-4o-mini", bool stream = false, int max = 100) => new { prompt, model, stream, max_tokens = max };

    private async Task<IReadOnlyList<JsonElement>> CallAsync(string key, object options, params object[] calls) =>
        [.. (await NpmPackage.RunAsync("openai", "openai-calls.mjs", new { baseURL = scene.BaseUrl, apiKey = key, options, calls })).EnumerateArray()];
}
