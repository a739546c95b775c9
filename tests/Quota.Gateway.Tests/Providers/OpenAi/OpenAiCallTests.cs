using System.Net;
using System.Text.Json;
using Quota.TestKit;

namespace Quota.Gateway.Tests.Providers.OpenAi;

/// <summary>The rest of OpenAI through a running gateway: one event each with the stand-in's own numbers, priced, counted, settled.</summary>
public sealed class OpenAiCallTests : IAsyncLifetime
{
    private const string Limits = """
        - { code: month, scope: acme, meter: spend, amount: "100", window: { kind: month } }
        - { code: tokens, scope: acme, meter: total_tokens, amount: "100000000", window: { kind: day } }
        - { code: seconds, scope: acme, meter: seconds, amount: "100000", window: { kind: day } }
        - { code: images, scope: acme, meter: images, amount: "100", window: { kind: day } }
        - { code: characters, scope: acme, meter: characters, amount: "1000", window: { kind: day } }
        - { code: large, scope: acme, meter: bytes_in, amount: "100000000", window: { kind: day } }
        """;

    private LimitScene _scene = null!;

    public async ValueTask InitializeAsync() => _scene = await LimitScene.StartAsync(Limits);

    public ValueTask DisposeAsync() => _scene.DisposeAsync();

    [Theory]
    [InlineData("")]
    [InlineData(",\"stream\":true")]
    [InlineData(",\"stream\":true,\"stream_options\":{\"include_usage\":true}")]
    public async Task Completions(string more)
    {
        var answer = await _scene.SendAsync("/v1/completions", $$"""{"model":"gpt-4o-mini","prompt":"hello there reply:30","max_tokens":20{{more}}}""", LimitScene.Ada);
        answer.Status.ShouldBe(HttpStatusCode.OK, answer.Text);
        FakeProvider.TokensIn(answer.Text).ShouldBe(20);
        answer.Text.Contains("\"usage\":{", StringComparison.Ordinal).ShouldBe(!more.EndsWith("true", StringComparison.Ordinal));   // hidden where it was not asked for
        var usage = await EventAsync("/v1/completions", 3 / 1_000_000m + 20 * 2 / 1_000_000m);
        (Number(usage, "input_tokens"), Number(usage, "output_tokens")).ShouldBe((3, 20));
        await _scene.SettledAsync("tokens", 23);
    }

    [Theory]
    [InlineData("gpt-image-1", "", 1, 5, 9)]
    [InlineData("gpt-image-1", ",\"n\":3", 3, 5, 9)]
    [InlineData("gpt-image-1", ",\"stream\":true", 1, 5, 9)]
    [InlineData("dall-e-3", ",\"n\":2", 2, 0, 0)]
    public async Task Images(string model, string more, long images, long input, long output)
    {
        var answer = await _scene.SendAsync("/v1/images/generations", $$"""{"model":"{{model}}","prompt":"a cat at night reply:9"{{more}}}""", LimitScene.Ada);
        answer.Status.ShouldBe(HttpStatusCode.OK, answer.Text);
        var usage = await EventAsync("/v1/images/generations", model == "dall-e-3" ? images * 0.04m : (input * 1 + output * 4) / 1_000_000m);
        (Number(usage, "input_tokens"), Number(usage, "output_tokens"), Number(usage, "image_output_tokens"), Number(usage, "images")).ShouldBe((input, output, output, images));
        _scene.Provider.Served.Entries().Single().Images.ShouldBe((int)images);
        await _scene.SettledAsync("images", images);
    }

    [Fact]
    public async Task Edited_images()
    {
        var answer = await _scene.SendAsync("/v1/images/edits", Forms.Http("image", new byte[4_200], ("model", "gpt-image-1"), ("prompt", "as a cat reply:9"), ("size", "1024x1024"), ("quality", "low")), LimitScene.Ada);
        answer.Status.ShouldBe(HttpStatusCode.OK, answer.Text);
        var usage = await EventAsync("/v1/images/edits", (4 * 1 + 42 * 2 + 9 * 4) / 1_000_000m);
        (Number(usage, "input_tokens"), Number(usage, "image_tokens"), Number(usage, "images")).ShouldBe((46, 42, 1));
        _scene.Provider.Served.Entries().Single().ImageTokens.ShouldBe(42);
    }

    [Theory]
    [InlineData("tts-1", "", 0, 0, false, 30 * 0.000015)]
    [InlineData("gpt-4o-mini-tts", ",\"stream_format\":\"sse\"", 3, 9, false, 0.000111)]   // 3 in at 1, 9 of audio out at 12
    [InlineData("gpt-4o-mini-tts", "", 26, 45, true, 0.000566)]   // 104 bytes of the body, 30 characters at three to two
    public async Task Speech(string model, string more, long input, long output, bool estimated, double cost)
    {
        var body = $$"""{"model":"{{model}}","voice":"alloy","input":"hello there my friend reply:9 "{{more}}}""";
        var answer = await _scene.SendAsync("/v1/audio/speech", estimated ? body[..^1] + new string(' ', 104 - body.Length) + "}" : body.Replace(" my friend", "----------", StringComparison.Ordinal), LimitScene.Ada);
        answer.Status.ShouldBe(HttpStatusCode.OK, answer.Text);
        var usage = await EventAsync("/v1/audio/speech", (decimal)cost, estimated);
        (Number(usage, "input_tokens"), Number(usage, "output_tokens"), Number(usage, "audio_output_tokens"), Number(usage, "characters")).ShouldBe((input, output, output, 30));
        _scene.Provider.Served.Entries().Single().Characters.ShouldBe(30);
        await _scene.SettledAsync("characters", 30);
    }

    [Theory]
    [InlineData("whisper-1", "json", 500, false)]
    [InlineData("whisper-1", "verbose_json", 500, false)]
    [InlineData("whisper-1", "text", 500, true)]
    [InlineData("gpt-4o-transcribe", "json", null, false)]
    [InlineData("gpt-4o-transcribe", "text", 500, true)]
    public async Task Transcripts(string model, string format, int? seconds, bool estimated)
    {
        var answer = await _scene.SendAsync("/v1/audio/transcriptions", Forms.Http("file", new byte[2_000_000 - 1000], ("model", model), ("response_format", format), ("prompt", "so it reply:9")), LimitScene.Ada);
        answer.Status.ShouldBe(HttpStatusCode.OK, answer.Text);
        FakeProvider.TokensIn(answer.Text).ShouldBe(9);
        var isWhisper = model == "whisper-1";
        // The stand-in says 500 s, ten tokens each, and three words; the estimate is of the form's bytes, a little more than the file's.
        var (it, usage) = await EventAsync("/v1/audio/transcriptions");
        it.GetProperty("estimated").GetBoolean().ShouldBe(estimated);
        (usage.TryGetProperty("seconds", out var told) && told.ValueKind == JsonValueKind.Number ? told.GetInt32() : (int?)null).ShouldBe(seconds);
        if (!isWhisper && !estimated)
            (Number(usage, "input_tokens"), Number(usage, "audio_input_tokens"), Number(usage, "output_tokens")).ShouldBe((5_003, 5_000, 9));
        if (isWhisper)
            Forms.Money(it.GetProperty("cost").GetString()).ShouldBe(0.05m);
        _scene.Provider.Served.Entries().Single().FileBytes.ShouldBe(1_999_000);
        await _scene.SettledAsync("seconds", seconds ?? 0);
    }

    [Fact]
    public async Task A_streamed_transcript()
    {
        var answer = await _scene.SendAsync("/v1/audio/transcriptions", Forms.Http("file", Forms.Wav(3), ("model", "gpt-4o-transcribe"), ("stream", "true"), ("prompt", "reply:9")), LimitScene.Ada);
        answer.Text.ShouldContain("transcript.text.done");
        var usage = await EventAsync("/v1/audio/transcriptions", (1 * 1 + 250 * 6 + 9 * 10) / 1_000_000m);
        (Number(usage, "input_tokens"), Number(usage, "audio_input_tokens"), Number(usage, "output_tokens")).ShouldBe((251, 250, 9));
    }

    [Fact]
    public async Task A_form_goes_to_the_upstreams_own_model()
    {
        (await _scene.SendAsync("/v1/audio/translations", Forms.Http("file", new byte[4_000], ("model", "whisper-named")), LimitScene.Ada)).Status.ShouldBe(HttpStatusCode.OK);
        _scene.Provider.Served.Entries().Single().Model.ShouldBe("whisper-1");
        var usage = await EventAsync("/v1/audio/translations", 0.0001m);
        Number(usage, "seconds").ShouldBe(1);
    }

    [Fact]
    public async Task A_tier_is_told_as_it_was_answered()
    {
        var answer = await _scene.PostAsync(LimitScene.Ada, "hello reply:5", ",\"max_tokens\":10,\"service_tier\":\"flex\"", "gpt-5");
        answer.Status.ShouldBe(HttpStatusCode.OK, answer.Text);
        var usage = await EventAsync("/v1/chat/completions", (2 * 1 + 5 * 2) / 1_000_000m);   // the stand-in answers at the ordinary one
        (Number(usage, "input_tokens"), Number(usage, "output_tokens")).ShouldBe((2, 5));
        (await _scene.Gateway.EventsAsync(1)).Single().GetProperty("service_tier").GetString().ShouldBe("default");
    }

    [Fact]
    public async Task A_chat_that_searches_is_charged_the_search()
    {
        (await _scene.PostAsync(LimitScene.Ada, "hello reply:5", ",\"max_tokens\":10,\"web_search_options\":{}", "gpt-5")).Status.ShouldBe(HttpStatusCode.OK);
        var usage = await EventAsync("/v1/chat/completions", 0.010012m);
        usage.GetProperty("tool_calls").GetProperty("web_search").GetInt64().ShouldBe(1);
    }

    [Fact]
    public async Task Moderations_are_free()
    {
        var answer = await _scene.SendAsync("/v1/moderations", """{"model":"omni-moderation-latest","input":"hello"}""", LimitScene.Ada);
        (answer.Status, answer.Json.GetProperty("results")[0].GetProperty("flagged").GetBoolean()).ShouldBe((HttpStatusCode.OK, false));
        ((int)(await _scene.SendAsync("/v1/moderations", """{"model":"omni-moderation-latest","input":"hello"}""", "qk_unknown_0123456789")).Status).ShouldBe(401);
    }

    [Theory]
    [InlineData("/v1/images/generations", """{"model":"gpt-image-1","prompt":"fault:429"}""", 429)]
    [InlineData("/v1/audio/speech", """{"model":"tts-1","input":"fault:500"}""", 500)]
    [InlineData("/v1/completions", """{"model":"gpt-4o-mini","prompt":"fault:500"}""", 500)]
    public async Task What_the_provider_refuses_costs_nothing(string route, string body, int status)
    {
        ((int)(await _scene.SendAsync(route, body, LimitScene.Ada)).Status).ShouldBe(status);
        var usage = await EventAsync(route, 0m);
        Number(usage, "requests").ShouldBe(0);
        await _scene.SettledAsync("month", 0);
    }

    [Fact]
    public async Task An_image_that_breaks_off_is_estimated()
    {
        var answer = _scene.SendAsync("/v1/images/generations", """{"model":"gpt-image-1","prompt":"hello fault:cut","quality":"low","size":"1024x1024"}""", LimitScene.Ada);
        await Record.ExceptionAsync(() => answer);
        var (it, usage) = await EventAsync("/v1/images/generations");
        (it.GetProperty("status").GetString(), it.GetProperty("estimated").GetBoolean(), Number(usage, "images")).ShouldBe(("cut_off", true, 1));
        Number(usage, "output_tokens").ShouldBeInRange(1, 408);
    }

    private async Task<(JsonElement Event, JsonElement Usage)> EventAsync(string route)
    {
        var it = (await _scene.Gateway.EventsAsync(1)).Single();
        it.GetProperty("route").GetString().ShouldBe(route);
        return (it, it.GetProperty("usage"));
    }

    /// <summary>The usage of the one event, whose cost is this.</summary>
    private async Task<JsonElement> EventAsync(string route, decimal cost, bool estimated = false)
    {
        var (it, usage) = await EventAsync(route);
        it.GetProperty("estimated").GetBoolean().ShouldBe(estimated);
        Forms.Money(it.GetProperty("cost").GetString()).ShouldBe(cost);
        return usage;
    }

    private static long Number(JsonElement usage, string field) => usage.TryGetProperty(field, out var number) && number.ValueKind == JsonValueKind.Number ? number.GetInt64() : 0;
}
