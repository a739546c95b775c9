using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Anthropic;
using Anthropic.Exceptions;
using Anthropic.Models.Messages;
using Quota.TestKit;

namespace Quota.EndToEnd.Tests.Sdks;

/// <summary>
/// The official NuGet package <c>Anthropic</c>, its base URL changed; its key goes in <c>Authorization: Bearer</c>. Its errors have no
/// headers: those are read at the proxy. It speaks API version 2026-10-21.
/// </summary>
public sealed class MessagesNuGetTests(SdkScene scene) : IClassFixture<SdkScene>
{
    private const string Pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

    /// <summary>What the SDK parsed.</summary>
    private sealed record Seen(string Text, string? Stop, string Model, long Input, long? Read, long? Written, long? WrittenForAnHour, long Output)
    {
        public (long, long) Told => (Input + (Read ?? 0) + (Written ?? 0), Output);
    }

    [Fact]
    public async Task Plain_and_streamed_calls_are_what_the_provider_itself_answers_and_are_metered_so()
    {
        var (through, direct) = (Client(scene.Root, SdkScene.Counted), Client(scene.Provider.BaseUrl, FakeProvider.DefaultCredential));
        var seen = new List<Seen>();
        foreach (var call in new[] { Call("hello cached:20 reply:9"), Call("hello reply:70", max: 10), Rich() })
        {
            var (whole, streamed) = (await WholeAsync(through, call), await StreamedAsync(through, call));
            whole.ShouldBe(await WholeAsync(direct, call));
            streamed.ShouldBe(await StreamedAsync(direct, call));
            seen.AddRange([whole, streamed]);
        }
        seen.Select(it => (FakeProvider.TokensIn(it.Text), it.Stop)).ShouldBe([(9, "end_turn"), (9, "end_turn"), (10, "max_tokens"), (10, "max_tokens"), (12, "end_turn"), (12, "end_turn")]);
        (seen[4].Input, seen[4].Read, seen[4].Written, seen[4].WrittenForAnHour).ShouldBe((4, 50, 7, 4));
        scene.Attempts(SdkScene.Counted).Count.ShouldBe(6);
        await MeteredMessages.CheckAsync(scene, [.. seen.Select(it => it.Told)]);
    }

    [Fact]
    public async Task A_rate_limit_is_its_rate_limit_error()
    {
        var sdk = Client(scene.Root, SdkScene.Slow, retries: 0);
        await HelloAsync(sdk);
        var refused = await RefusedAsync<AnthropicRateLimitException>(sdk, 429, "rate_limit_error");
        refused.Message.ShouldContain("slow-rpm");
        Quota(refused).GetProperty("limit").GetString().ShouldBe("slow-rpm");
        int.Parse(scene.Attempts(SdkScene.Slow)[1].Headers["retry-after"], CultureInfo.InvariantCulture).ShouldBeInRange(1, 60);
    }

    [Fact]
    public async Task It_waits_as_Retry_After_says_and_succeeds()
    {
        var sdk = Client(scene.Root, SdkScene.Brisk);
        for (var i = 0; i < 2; i++)
            await HelloAsync(sdk);
        FakeProvider.TokensIn((await StreamedAsync(sdk, Call("hello reply:1"))).Text).ShouldBe(1);
        WaitedOut.Check(scene.Attempts(SdkScene.Brisk), served: 3);
    }

    [Fact]
    public async Task A_budget_that_is_used_up_comes_back_at_once_after_one_attempt()
    {
        var sdk = Client(scene.Root, SdkScene.Poor);
        await HelloAsync(sdk);
        var started = Stopwatch.GetTimestamp();
        var refused = await RefusedAsync<AnthropicPaymentRequiredException>(sdk, 402, "billing_error");
        Stopwatch.GetElapsedTime(started).ShouldBeLessThan(TimeSpan.FromSeconds(2));
        refused.Message.ShouldContain("poor-month");
        Quota(refused).GetProperty("limit").GetString().ShouldBe("poor-month");
        scene.Attempts(SdkScene.Poor).Select(attempt => attempt.Status).ShouldBe([200, 402]);
        scene.Attempts(SdkScene.Poor)[1].Headers.ContainsKey("retry-after").ShouldBeFalse();
    }

    [Fact]
    public async Task What_is_refused_for_good_is_its_own_error_type_with_our_message_and_is_tried_once()
    {
        (await RefusedAsync<AnthropicUnauthorizedException>(Client(scene.Root, "qk_sdk_nobody"), 401, "authentication_error")).Message.ShouldContain("x-api-key");
        (await RefusedAsync<AnthropicForbiddenException>(Client(scene.Root, SdkScene.Narrow), 403, "permission_error", "claude-opus-4-5")).Message.ShouldContain("claude-opus-4-5");
        (await RefusedAsync<AnthropicBadRequestException>(Client(scene.Root, SdkScene.Tiny), 400, "invalid_request_error")).Message.ShouldContain("tiny-month");
        (await RefusedAsync<AnthropicNotFoundException>(Client(scene.Root, SdkScene.Tiny), 404, "not_found_error", "nobody-serves-this")).Message.ShouldContain("nobody-serves-this");
        (scene.Attempts("qk_sdk_nobody").Count, scene.Attempts(SdkScene.Narrow).Count, scene.Attempts(SdkScene.Tiny).Count).ShouldBe((1, 1, 2));
    }

    private static AnthropicClient Client(string url, string key, int? retries = null) => new() { BaseUrl = url, ApiKey = key, MaxRetries = retries };

    private static MessageCreateParams Call(string prompt, string model = SdkScene.Claude, int max = 100) =>
        new() { Model = model, MaxTokens = max, Messages = [new UserMessageParam(prompt)] };

    /// <summary>A tool, a picture, and two cached blocks: one for five minutes, one for an hour.</summary>
    private static MessageCreateParams Rich() => new()
    {
        Model = SdkScene.Claude,
        MaxTokens = 100,
        System = new List<TextBlockParam> { new("be brief and kind") { CacheControl = new() { Ttl = Ttl.Ttl1h } } },
        Tools = [new Tool { Name = "clock", Description = "the time", InputSchema = new() { Properties = new Dictionary<string, JsonElement> { ["zone"] = JsonElement.Parse("""{"type":"string"}""") } } }],
        Messages =
        [
            new UserMessageParam(new List<ContentBlockParam>
            {
                new ImageBlockParam(new Base64ImageSource { Data = Pixel, MediaType = MediaType.ImagePng }),
                new TextBlockParam("what is this") { CacheControl = new() },
                new TextBlockParam("tell me cached:50 reply:12"),
            }),
        ],
    };

    private static Task<Seen> HelloAsync(AnthropicClient sdk, string model = SdkScene.Claude) => WholeAsync(sdk, Call("hello reply:1", model));

    private static async Task<Seen> WholeAsync(AnthropicClient sdk, MessageCreateParams call) => See(await sdk.Messages.Create(call));

    private static async Task<Seen> StreamedAsync(AnthropicClient sdk, MessageCreateParams call) => See(await sdk.Messages.CreateStreaming(call).Aggregate());

    private static Seen See(Message it) => new(
        string.Concat(it.Content.Select(block => block.TryPickText(out var text) ? text.Text : $"[{block.Type}]")), it.StopReason?.Raw(), it.Model.Raw(),
        it.Usage.InputTokens, it.Usage.CacheReadInputTokens, it.Usage.CacheCreationInputTokens, it.Usage.CacheCreation?.Ephemeral1hInputTokens, it.Usage.OutputTokens);

    /// <summary>The error of a call, with this status and type.</summary>
    private static async Task<T> RefusedAsync<T>(AnthropicClient sdk, int status, string type, string model = SdkScene.Claude)
        where T : AnthropicApiException
    {
        var refused = await Should.ThrowAsync<T>(() => HelloAsync(sdk, model));
        ((int)refused.StatusCode, refused.Type?.Raw()).ShouldBe((status, type));
        return refused;
    }

    private static JsonElement Quota(AnthropicApiException refused) => JsonElement.Parse(refused.ResponseBody).GetProperty("quota");
}
