using System.Net;
using Quota.TestKit;

namespace Quota.Gateway.Tests.Limits;

/// <summary>A7 through the front door: changes take effect on the next request, forget nothing, and begin with what was used before them.</summary>
public sealed class LimitChangeTests
{
    [Fact]
    public async Task A_limit_added_in_the_middle_of_its_window_begins_with_what_was_used()
    {
        await using var scene = await LimitScene.StartAsync("- { code: generous, scope: acme, meter: requests, amount: \"1000\", window: { kind: day } }");
        for (var i = 0; i < 4; i++)
            (await scene.PostAsync(LimitScene.Ada)).Status.ShouldBe(HttpStatusCode.OK);
        (await scene.PostAsync(LimitScene.Bob)).Status.ShouldBe(HttpStatusCode.OK);
        await scene.Gateway.EventsAsync(5);

        await scene.ChangeAsync("""
            - { code: generous, scope: acme, meter: requests, amount: "1000", window: { kind: day } }
            - { code: money, scope: acme/research, meter: spend, amount: "1", window: { kind: month } }
            - { code: each, scope: acme, each: user, meter: output_tokens, amount: "30", window: { kind: year, starts_on: "07-16" }, selector: { models: ["gpt-4o-*"] } }
            """);
        await scene.SettledAsync("each", 20, "acme/research/ada");
        (await scene.PostAsync(LimitScene.Bob)).Status.ShouldBe(HttpStatusCode.OK);
        await scene.Gateway.EventsAsync(6);
        await scene.SettledAsync("money", 6 * 0.000_012m);
        await scene.SettledAsync("each", 10, "acme/research/bob");
        var third = await scene.PostAsync(LimitScene.Ada, more: ",\"max_tokens\":11");
        third.Status.ShouldBe((HttpStatusCode)429, third.Text);
        third.Quota.GetProperty("limit").GetString().ShouldBe("each");
        third.Quota.GetProperty("used").GetString().ShouldBe("20");
        third.Quota.GetProperty("fits").GetProperty("output_tokens").GetInt64().ShouldBe(10);
    }

    [Fact]
    public async Task A_call_that_ran_while_a_limit_was_added_is_counted_when_it_ends()
    {
        await using var scene = await LimitScene.StartAsync("- { code: generous, scope: acme, meter: requests, amount: \"1000\", window: { kind: day } }");
        var running = scene.PostAsync(LimitScene.Ada, "hello reply:8 wait:1500");
        await Eventually.TrueAsync("it runs", () => scene.Provider.Served.Running == 1);
        await scene.ChangeAsync("- { code: tokens, scope: acme, meter: output_tokens, amount: \"1000\", window: { kind: lifetime } }");
        await Eventually.TrueAsync("it is in force", async () => (await scene.PostAsync(LimitScene.Bob)).Status == HttpStatusCode.OK && await scene.TryStandingAsync("tokens") is not null);
        (await running).Status.ShouldBe(HttpStatusCode.OK);
        await Eventually.TrueAsync("all of it is counted", async () => (await scene.StandingAsync("tokens")).Used == 8 + 5 * scene.Provider.Served.Totals.Requests - 5);
    }

    [Fact]
    public async Task Overrides_and_modes_change_on_the_next_request_and_the_counter_stays()
    {
        const string Default = "- { code: each, scope: acme, each: user, meter: requests, amount: \"2\", window: { kind: day } }";
        await using var scene = await LimitScene.StartAsync(Default);
        (await scene.PostAsync(LimitScene.Ada)).Status.ShouldBe(HttpStatusCode.OK);
        (await scene.PostAsync(LimitScene.Ada)).Status.ShouldBe(HttpStatusCode.OK);
        (await scene.PostAsync(LimitScene.Ada)).Status.ShouldBe((HttpStatusCode)429);
        (await scene.PostAsync(LimitScene.Bob)).Status.ShouldBe(HttpStatusCode.OK);

        await scene.ChangeAsync(Default + "\n- { code: ada, scope: acme/research/ada, overrides: each, meter: requests, amount: \"3\", window: { kind: day } }");
        await Eventually.TrueAsync("ada has one more", async () => (await scene.PostAsync(LimitScene.Ada)).Status == HttpStatusCode.OK);
        var fourth = await scene.PostAsync(LimitScene.Ada);
        fourth.Status.ShouldBe((HttpStatusCode)429);
        fourth.Quota.GetProperty("limit").GetString().ShouldBe("ada");
        fourth.Quota.GetProperty("used").GetString().ShouldBe("3");

        await scene.ChangeAsync(Default.Replace("amount: \"2\"", "amount: \"2\", mode: soft", StringComparison.Ordinal));
        await Eventually.TrueAsync("it only warns", async () => await scene.PostAsync(LimitScene.Ada) is { Status: HttpStatusCode.OK } answer && answer.Header("x-quota-warning") == "each;used=3;of=2");
    }
}
