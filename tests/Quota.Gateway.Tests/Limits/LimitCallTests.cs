using System.Net;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Quota.TestKit;

namespace Quota.Gateway.Tests.Limits;

/// <summary>What a caller, an operator and a webhook see of limits, through a real gateway process.</summary>
public sealed class LimitCallTests
{
    [Fact]
    public async Task An_answer_without_a_bound_is_clamped_to_the_budget_and_told_so()
    {
        await using var scene = await LimitScene.StartAsync("- { code: tokens, scope: acme, meter: total_tokens, amount: \"1000\", window: { kind: month } }");
        var answer = await scene.PostAsync(LimitScene.Ada, "hello reply:5000", more: "");
        answer.Status.ShouldBe(HttpStatusCode.OK, answer.Text);
        var clamped = long.Parse(answer.Header("x-quota-clamped")!, System.Globalization.CultureInfo.InvariantCulture);
        clamped.ShouldBeInRange(850, 990);   // 1000 less the bytes of the body
        answer.Json.GetProperty("usage").GetProperty("completion_tokens").GetInt64().ShouldBe(clamped);
        answer.Json.GetProperty("choices")[0].GetProperty("finish_reason").GetString().ShouldBe("length");
        scene.Provider.Served.Entries().Single().Bound.ShouldBe((int)clamped);
        await scene.SettledAsync("tokens", clamped + 2);

        var next = await scene.PostAsync(LimitScene.Ada, more: "");   // not even 16 tokens fit beside the body
        next.Status.ShouldBe((HttpStatusCode)429, next.Text);
        next.Code.ShouldBe("insufficient_quota");
        next.Header("x-should-retry").ShouldBe("false");
        next.Header("Retry-After").ShouldBeNull();
    }

    [Fact]
    public async Task A_bound_that_the_client_named_is_never_lowered()
    {
        await using var scene = await LimitScene.StartAsync("- { code: tokens, scope: acme, meter: total_tokens, amount: \"1000\", window: { kind: month } }");
        var never = await scene.PostAsync(LimitScene.Ada, more: ",\"max_completion_tokens\":2000");
        never.Status.ShouldBe(HttpStatusCode.BadRequest);
        never.Code.ShouldBe("quota_never_fits");
        never.Quota.GetProperty("fits").GetProperty("output_tokens").GetInt64().ShouldBeInRange(850, 950);
        var fits = await scene.PostAsync(LimitScene.Ada, more: ",\"max_completion_tokens\":800");
        fits.Status.ShouldBe(HttpStatusCode.OK);
        fits.Header("x-quota-clamped").ShouldBeNull();
        scene.Provider.Served.Entries().Single().Bound.ShouldBe(800);
    }

    [Fact]
    public async Task Without_clamp_the_models_maximum_must_fit()
    {
        await using var scene = await LimitScene.StartAsync("- { code: tokens, scope: acme, meter: output_tokens, amount: \"20000\", window: { kind: month }, clamp: false }");
        var first = await scene.PostAsync(LimitScene.Ada, "hello reply:5 wait:800", more: "") is var answer ? answer : null;
        first!.Status.ShouldBe(HttpStatusCode.OK);
        first.Header("x-quota-clamped").ShouldBeNull();
        await scene.SettledAsync("tokens", 5);
        (await scene.PostAsync(LimitScene.Ada, "hello reply:3700", more: "")).Status.ShouldBe(HttpStatusCode.OK);
        await scene.SettledAsync("tokens", 3705);
        var refused = await scene.PostAsync(LimitScene.Ada, more: "");   // 16384 do not fit any more, and nothing is cut
        refused.Status.ShouldBe((HttpStatusCode)429);
        refused.Quota.GetProperty("requested").GetString().ShouldBe("16384");
    }

    [Fact]
    public async Task A_stepwise_stream_ends_well_formed_where_a_step_does_not_fit_and_pays_for_what_it_got()
    {
        await using var scene = await LimitScene.StartAsync(
            "- { code: steps, scope: acme, meter: output_tokens, amount: \"600\", window: { kind: month }, hold: stepwise }", ("Limits__StepTokens", "64"));
        // Whole, the reply takes eight seconds or more; the cut comes within the first.
        var answer = await scene.PostAsync(LimitScene.Ada, "hello reply:16000 chunk:20 pace:10", more: ",\"stream\":true,\"max_tokens\":16000,\"stream_options\":{\"include_usage\":true}");
        answer.Status.ShouldBe(HttpStatusCode.OK, answer.Text);
        var events = answer.Text.Split("\n\n", StringSplitOptions.RemoveEmptyEntries);
        events[^1].ShouldBe("data: [DONE]");
        var usage = JsonElement.Parse(events[^2]["data: ".Length..]).GetProperty("usage");
        JsonElement.Parse(events[^3]["data: ".Length..]).GetProperty("choices")[0].GetProperty("finish_reason").GetString().ShouldBe("length");
        var used = usage.GetProperty("completion_tokens").GetInt64();
        var it = (await scene.Gateway.EventsAsync(1)).Single();
        it.GetProperty("status").GetString().ShouldBe("cut_off");
        it.GetProperty("estimated").GetBoolean().ShouldBeTrue();
        it.GetProperty("usage").GetProperty("output_tokens").GetInt64().ShouldBe(used);
        await scene.SettledAsync("steps", used);
        (await scene.StandingAsync("steps")).Over.ShouldBe(0);
        var ended = await scene.Provider.Served.EndOfAsync(it.GetProperty("id").GetString()!);
        ended.Ending.ShouldBe(ProviderEnding.CallerGone);   // the provider was told to stop
        ended.OutputTokens.ShouldBeLessThan(8000);   // and long before it was through
    }

    [Fact]
    public async Task Concurrency_is_what_runs_and_the_next_call_of_a_sequential_client_is_never_refused()
    {
        await using var scene = await LimitScene.StartAsync("- { code: at-once, scope: acme, each: user, meter: concurrency, amount: \"1\" }");
        for (var i = 0; i < 40; i++)
            (await scene.PostAsync(LimitScene.Ada, more: i % 2 == 0 ? ",\"stream\":true" : "")).Status.ShouldBe(HttpStatusCode.OK, $"call {i}");
        var running = scene.PostAsync(LimitScene.Ada, "hello wait:2000");
        await Eventually.TrueAsync("it runs", () => scene.Provider.Served.Running == 1);
        var refused = await scene.PostAsync(LimitScene.Ada);
        refused.Status.ShouldBe((HttpStatusCode)429);
        refused.Code.ShouldBe("rate_limit_exceeded");
        refused.Header("Retry-After").ShouldBe("1");
        refused.Quota.GetProperty("scope").GetString().ShouldBe("acme/research/ada");
        (await scene.PostAsync(LimitScene.Bob)).Status.ShouldBe(HttpStatusCode.OK);
        (await running).Status.ShouldBe(HttpStatusCode.OK);
        scene.Provider.Served.MostRunning.ShouldBeLessThanOrEqualTo(2);
    }

    [Fact]
    public async Task Selectors_choose_by_model_environment_and_tags()
    {
        await using var scene = await LimitScene.StartAsync("""
            - { code: big, scope: acme, meter: requests, amount: "1", window: { kind: day }, selector: { models: ["gpt-4o"] } }
            - { code: prod, scope: acme, meter: requests, amount: "1", window: { kind: day }, selector: { environments: [prod] } }
            - { code: apollo, scope: acme, meter: requests, amount: "3", window: { kind: day }, selector: { tags: { project: apollo } } }
            """);
        (await scene.PostAsync(LimitScene.Ada, model: "gpt-4o")).Status.ShouldBe(HttpStatusCode.OK);
        (await scene.PostAsync(LimitScene.Robot, model: "gpt-4o")).Quota.GetProperty("limit").GetString().ShouldBe("big");
        (await scene.PostAsync(LimitScene.Robot)).Status.ShouldBe(HttpStatusCode.OK);
        (await scene.PostAsync(LimitScene.Bob)).Status.ShouldBe(HttpStatusCode.OK);
        (await scene.PostAsync(LimitScene.Bob)).Quota.GetProperty("limit").GetString().ShouldBe("prod");
        (await scene.PostAsync(LimitScene.Ada)).Status.ShouldBe(HttpStatusCode.OK);
        (await scene.PostAsync(LimitScene.Ada)).Status.ShouldBe(HttpStatusCode.OK);
        (await scene.PostAsync(LimitScene.Ada)).Quota.GetProperty("limit").GetString().ShouldBe("apollo");
        (await scene.Gateway.EventsAsync(5))[0].GetProperty("tags").GetProperty("project").GetString().ShouldBe("apollo");
    }

    [Fact]
    public async Task Shadow_limits_are_only_counted_and_soft_ones_warn()
    {
        await using var scene = await LimitScene.StartAsync("""
            - { code: soft, scope: acme, meter: requests, amount: "1", window: { kind: day }, mode: soft }
            - { code: shadow, scope: acme/research, meter: requests, amount: "1", window: { kind: day }, mode: shadow }
            """);
        (await scene.PostAsync(LimitScene.Ada)).Header("x-quota-warning").ShouldBeNull();
        var second = await scene.PostAsync(LimitScene.Ada);
        second.Status.ShouldBe(HttpStatusCode.OK);
        second.Header("x-quota-warning").ShouldBe("soft;used=1;of=1");
        second.Header("RateLimit").ShouldBeNull();   // only what refuses is told as a limit
        var metrics = await scene.MetricsAsync();
        metrics.ShouldContain("quota_limits_passed_total{");
        metrics.ShouldContain("mode=\"shadow\"");
    }

    [Fact]
    public async Task Headers_tell_the_tightest_limits_and_the_trios_of_requests_and_tokens()
    {
        await using var scene = await LimitScene.StartAsync("""
            - { code: money, scope: acme, meter: spend, amount: "10", window: { kind: month } }
            - { code: rpm, scope: acme/research, meter: requests, amount: "60", window: { kind: rate, every: minute } }
            - { code: tpd, scope: acme/research/ada, meter: total_tokens, amount: "1000", window: { kind: day } }
            """);
        var answer = await scene.PostAsync(LimitScene.Ada);
        answer.Header("RateLimit-Policy").ShouldNotBeNull().ShouldStartWith("\"tpd\";q=1000;w=");
        answer.Header("RateLimit")!.ShouldContain("\"rpm\";r=59;t=1");
        answer.Header("x-ratelimit-limit-requests").ShouldBe("60");
        answer.Header("x-ratelimit-remaining-requests").ShouldBe("59");
        answer.Header("x-ratelimit-reset-requests").ShouldBe("1s");
        answer.Header("x-ratelimit-limit-tokens").ShouldBe("1000");
    }

    [Fact]
    public async Task Explain_says_of_every_limit_whether_and_why_it_applies_and_counts_nothing()
    {
        await using var scene = await LimitScene.StartAsync("""
            - { code: org, scope: acme, meter: total_tokens, amount: "1000", window: { kind: month } }
            - { code: each, scope: acme, each: user, meter: requests, amount: "10", window: { kind: day } }
            - { code: ada, scope: acme/research/ada, overrides: each, meter: requests, amount: "20", window: { kind: day } }
            - { code: product, scope: acme/product, meter: requests, amount: "10", window: { kind: day } }
            - { code: big, scope: acme, meter: requests, amount: "10", window: { kind: day }, selector: { models: ["gpt-4o"] } }
            - { code: prod, scope: acme, meter: requests, amount: "10", window: { kind: day }, selector: { environments: [prod] } }
            """);
        (await scene.PostAsync(LimitScene.Ada)).Status.ShouldBe(HttpStatusCode.OK);
        await scene.SettledAsync("org", 7);
        var (status, body) = await scene.AdminAsync("/admin/limits/explain", new { scope = "acme/research/ada", model = "gpt-4o-mini", input_tokens = 100, max_output_tokens = 900 });
        status.ShouldBe(HttpStatusCode.OK, body.ToString());
        body.GetProperty("decision").GetString().ShouldBe("refused");
        var limits = body.GetProperty("limits").EnumerateArray().ToDictionary(limit => limit.GetProperty("limit").GetString()!);
        string Why(string code) => limits[code].GetProperty("why").GetString()!;
        limits.Where(pair => pair.Value.GetProperty("applies").GetBoolean()).Select(pair => pair.Key).Order().ShouldBe(["ada", "org"]);
        Why("each").ShouldBe("'ada' overrides it for acme/research/ada");
        Why("product").ShouldContain("acme/product");
        Why("big").ShouldContain("gpt-4o");
        Why("prod").ShouldContain("environment");
        var org = limits["org"];
        org.GetProperty("used").GetString().ShouldBe("7");
        org.GetProperty("requested").GetString().ShouldBe("1000");
        org.GetProperty("would_fit").GetBoolean().ShouldBeFalse();
        org.GetProperty("fits_output_tokens").GetInt64().ShouldBe(893);

        (await scene.AdminAsync("/admin/limits/explain", new { key = "ada-laptop", model = "gpt-4o-mini", input_tokens = 100 })).Body.GetProperty("decision").GetString().ShouldBe("clamped");
        (await scene.StandingAsync("org")).ShouldBe(new Standing(7, 0, 0));
        var (bad, mistakes) = await scene.AdminAsync("/admin/limits/explain", new { key = "nobody", input_tokens = -1 });
        bad.ShouldBe((HttpStatusCode)422);
        mistakes.GetProperty("errors").EnumerateObject().Select(field => field.Name).Order().ShouldBe(["input_tokens", "key", "model"]);
    }

    [Fact]
    public async Task Thresholds_reach_the_webhook_once_each_though_it_was_away()
    {
        var (received, fails) = (new List<JsonElement>(), 2);
        var port = FreePort.Next();
        await using var webhook = WebApplication.CreateSlimBuilder().Build();
        webhook.Urls.Add($"http://127.0.0.1:{port}");
        webhook.MapPost("/hook", async (HttpRequest request) =>
        {
            var report = (await JsonDocument.ParseAsync(request.Body)).RootElement.Clone();
            if (Interlocked.Decrement(ref fails) >= 0)
                return Results.StatusCode(500);
            lock (received)
                received.AddRange(report.GetProperty("facts").EnumerateArray());
            return Results.NoContent();
        });
        await webhook.StartAsync(TestContext.Current.CancellationToken);
        await using var scene = await LimitScene.StartAsync(
            "- { code: tokens, scope: acme/research, meter: output_tokens, amount: \"20\", window: { kind: month }, thresholds: [\"0.25\", \"0.8\", \"1\"] }",
            ("Limits__Webhook", $"http://127.0.0.1:{port}/hook"), ("Limits__HoldDeadline", "2s"));
        for (var i = 0; i < 4; i++)
            (await scene.PostAsync(LimitScene.Ada, "reply:5", more: ",\"max_tokens\":5")).Status.ShouldBe(HttpStatusCode.OK);
        await Eventually.TrueAsync("all are told", () => received.Count == 3, detail: () => scene.Gateway.Process.Output);
        received.Select(fact => fact.GetProperty("share").GetDecimal()).Order().ShouldBe([0.25m, 0.8m, 1m]);
        received.ShouldAllBe(fact => fact.GetProperty("kind").GetString() == "threshold" && fact.GetProperty("limit").GetString() == "tokens" && fact.GetProperty("org").GetString() == "acme");
        received.Select(fact => fact.GetProperty("id").GetString()).Distinct().Count().ShouldBe(3);
    }
}
