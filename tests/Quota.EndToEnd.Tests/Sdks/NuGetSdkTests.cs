using System.ClientModel;
using System.ClientModel.Primitives;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using OpenAI;
using OpenAI.Chat;
using Quota.TestKit;

namespace Quota.EndToEnd.Tests.Sdks;

/// <summary>
/// The official NuGet package <c>OpenAI</c>, its endpoint changed and nothing else. It has one error type with the status in it, obeys
/// <c>Retry-After</c> however long, and does not know <c>x-should-retry</c>.
/// </summary>
public sealed class NuGetSdkTests(SdkScene scene) : IClassFixture<SdkScene>
{
    private static readonly ChatCompletionOptions Bound = new() { MaxOutputTokenCount = 100 };

    [Fact]
    public async Task A_plain_call_and_a_streamed_call_work()
    {
        var sdk = Client(SdkScene.Free);
        var whole = (await sdk.CompleteChatAsync([new UserChatMessage("hello reply:9")], Bound)).Value;
        (whole.Usage.OutputTokenCount, FakeProvider.TokensIn(whole.Content[0].Text)).ShouldBe((9, 9));
        var (text, finish, usage) = ("", default(ChatFinishReason?), default(ChatTokenUsage));
        await foreach (var update in sdk.CompleteChatStreamingAsync([new UserChatMessage("hello reply:70")], Bound))
        {
            text += string.Concat(update.ContentUpdate.Select(part => part.Text));
            (finish, usage) = (finish ?? update.FinishReason, usage ?? update.Usage);
        }
        (FakeProvider.TokensIn(text), finish, usage!.OutputTokenCount).ShouldBe((70, ChatFinishReason.Stop, 70));
        scene.Attempts(SdkScene.Free).Count.ShouldBe(2);
    }

    [Fact]
    public async Task A_rate_limit_is_its_error_with_status_429()
    {
        var sdk = Client(SdkScene.Slow, retries: 0);
        await HelloAsync(sdk);
        var refused = await RefusedAsync(sdk, 429, "rate_limit_exceeded");
        refused.Message.ShouldContain("slow-rpm");
        refused.GetRawResponse()!.Headers.TryGetValue("retry-after", out var wait).ShouldBeTrue();
        int.Parse(wait!, CultureInfo.InvariantCulture).ShouldBeInRange(1, 60);
        Quota(refused).GetProperty("limit").GetString().ShouldBe("slow-rpm");
    }

    [Fact]
    public async Task It_waits_as_Retry_After_says_and_succeeds()
    {
        var sdk = Client(SdkScene.Brisk);
        for (var i = 0; i < 3; i++)
            await HelloAsync(sdk);
        WaitedOut.Check(scene.Attempts(SdkScene.Brisk), served: 3);
    }

    [Fact]
    public async Task A_budget_that_is_used_up_comes_back_within_its_own_back_off()
    {
        var sdk = Client(SdkScene.Poor);
        await HelloAsync(sdk);
        var started = Stopwatch.GetTimestamp();
        var refused = await RefusedAsync(sdk, 429, "insufficient_quota");
        // Three retries by its own back-off, documented as exponential and measured as none at all (0.02 s together, System.ClientModel
        // 1.16.0); 8 s is what 0.8 + 1.6 + 3.2 s would take. Never until the month ends.
        Stopwatch.GetElapsedTime(started).ShouldBeLessThan(TimeSpan.FromSeconds(8));
        refused.Message.ShouldContain("poor-month");
        refused.GetRawResponse()!.Headers.TryGetValue("retry-after", out _).ShouldBeFalse();
        var quota = Quota(refused);
        (quota.GetProperty("limit").GetString(), quota.GetProperty("meter").GetString(), quota.GetProperty("used").GetString()).ShouldBe(("poor-month", "requests", "1"));
        var attempts = scene.Attempts(SdkScene.Poor).Skip(1).ToList();
        attempts.Count.ShouldBeInRange(1, 4);
        attempts.ShouldAllBe(attempt => attempt.Status == 429 && attempt.Headers["x-should-retry"] == "false");
    }

    [Fact]
    public async Task What_is_refused_for_good_carries_our_message_and_is_tried_once()
    {
        (await RefusedAsync(Client("qk_sdk_nobody"), 401, "invalid_api_key")).Message.ShouldContain("API key");
        (await RefusedAsync(Client(SdkScene.Narrow, model: "gpt-4o"), 403, "model_not_allowed")).Message.ShouldContain("gpt-4o");
        var never = await RefusedAsync(Client(SdkScene.Tiny), 400, "quota_never_fits");
        never.Message.ShouldContain("tiny-month");
        Quota(never).GetProperty("limit").GetString().ShouldBe("tiny-month");
        (await RefusedAsync(Client(SdkScene.Tiny, model: "nobody-serves-this"), 404, "model_not_found")).Message.ShouldContain("nobody-serves-this");
        (scene.Attempts("qk_sdk_nobody").Count, scene.Attempts(SdkScene.Narrow).Count, scene.Attempts(SdkScene.Tiny).Count).ShouldBe((1, 1, 2));
    }

    private ChatClient Client(string key, string model = "gpt-4o-mini", int? retries = null)
    {
        var options = new OpenAIClientOptions { Endpoint = new Uri(scene.BaseUrl) };
        if (retries is { } count)
            options.RetryPolicy = new ClientRetryPolicy(count);
        return new ChatClient(model, new ApiKeyCredential(key), options);
    }

    private static Task<ClientResult<ChatCompletion>> HelloAsync(ChatClient sdk) =>
        sdk.CompleteChatAsync([new UserChatMessage("hello reply:1")], Bound);

    /// <summary>The error of a call, with this status and code.</summary>
    private static async Task<ClientResultException> RefusedAsync(ChatClient sdk, int status, string code)
    {
        var refused = await Should.ThrowAsync<ClientResultException>(() => HelloAsync(sdk));
        (refused.Status, Body(refused).GetProperty("error").GetProperty("code").GetString()).ShouldBe((status, code));
        return refused;
    }

    private static JsonElement Quota(ClientResultException refused) => Body(refused).GetProperty("quota");

    private static JsonElement Body(ClientResultException refused) => JsonElement.Parse(refused.GetRawResponse()!.Content.ToString());
}
