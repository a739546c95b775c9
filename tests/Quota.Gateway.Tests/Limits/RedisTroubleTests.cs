using System.Diagnostics;
using System.Net;
using Quota.TestKit;

namespace Quota.Gateway.Tests.Limits;

/// <summary>What callers see while Redis is in trouble, and that no use is lost or admitted beyond policy (A8, A10).</summary>
public sealed class RedisTroubleTests
{
    private const string Month = "- { code: month, scope: acme, meter: total_tokens, amount: \"1000\", window: { kind: month } }";

    private static async Task<TimeSpan> TimeAsync(Func<Task> what)
    {
        var started = Stopwatch.GetTimestamp();
        await what();
        return Stopwatch.GetElapsedTime(started);
    }

    [Fact]
    public async Task Closed_answers_503_within_a_second_and_goes_on_by_itself()
    {
        await using var scene = await LimitScene.StartAsync(Month);
        (await scene.PostAsync(LimitScene.Ada)).Status.ShouldBe(HttpStatusCode.OK);
        scene.Redis.Process.Kill();
        for (var i = 0; i < 5; i++)
        {
            Answer? answer = null;
            (await TimeAsync(async () => answer = await scene.PostAsync(LimitScene.Ada))).ShouldBeLessThan(TimeSpan.FromSeconds(1));
            answer!.Status.ShouldBe(HttpStatusCode.ServiceUnavailable);
            answer.Code.ShouldBe("limiter_unavailable");
            answer.Header("Retry-After").ShouldBe("1");
        }
        await scene.Redis.StartAgainAsync();
        await Eventually.TrueAsync("it serves again", async () => (await scene.PostAsync(LimitScene.Ada)).Status == HttpStatusCode.OK);
        await scene.SettledAsync("month", 14);   // two words in, five out, twice
        scene.Provider.Served.Totals.Requests.ShouldBe(2);
    }

    [Fact]
    public async Task Frozen_it_is_given_up_within_a_second()
    {
        await using var scene = await LimitScene.StartAsync(Month);
        (await scene.PostAsync(LimitScene.Ada)).Status.ShouldBe(HttpStatusCode.OK);
        await scene.SettledAsync("month", 7);
        scene.Redis.Process.Freeze();
        var answers = new List<Answer>();
        (await TimeAsync(async () => answers.AddRange(await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => scene.PostAsync(LimitScene.Ada)))))).ShouldBeLessThan(TimeSpan.FromSeconds(1));
        answers.ShouldAllBe(answer => answer.Status == HttpStatusCode.ServiceUnavailable);
        scene.Redis.Process.Thaw();
        await Eventually.TrueAsync("it serves again", async () => (await scene.PostAsync(LimitScene.Ada)).Status == HttpStatusCode.OK);
        await scene.SettledAsync("month", 14);   // what was asked for and never answered is released
    }

    [Fact]
    public async Task Emptied_under_way_it_is_rebuilt_and_a_restart_of_the_gateway_does_not_hide_it()
    {
        await using var scene = await LimitScene.StartAsync(Month);
        for (var i = 0; i < 3; i++)
            (await scene.PostAsync(LimitScene.Ada)).Status.ShouldBe(HttpStatusCode.OK);
        await scene.Redis.FlushAllAsync();
        await Eventually.TrueAsync("it serves again", async () => (await scene.PostAsync(LimitScene.Ada)).Status == HttpStatusCode.OK);
        await scene.SettledAsync("month", 28);
        (await scene.MetricsAsync()).ShouldContain("quota_store_guards_total{");
        scene.Gateway.Process.Kill();
        await scene.Redis.StartAgainEmptyAsync();
        await scene.Gateway.StartAgainAsync();
        await Eventually.TrueAsync("it serves again", async () => (await scene.PostAsync(LimitScene.Ada)).Status == HttpStatusCode.OK);
        await scene.SettledAsync("month", 35);
        var (status, body) = await scene.AdminAsync("/admin/counters/verify?org=acme");
        status.ShouldBe(HttpStatusCode.OK, body.ToString());
    }

    [Fact]
    public async Task Grace_admits_its_share_and_no_more_however_many_outages_and_restarts()
    {
        // 20 % of 1000 tokens; a call holds 10 out and its bytes in, and uses 7.
        await using var scene = await LimitScene.StartAsync(Month, ("Limits__OnRedisDown", "grace"), ("Limits__Grace", "0.2"));
        (await scene.PostAsync(LimitScene.Ada)).Status.ShouldBe(HttpStatusCode.OK);
        await scene.SettledAsync("month", 7);
        var admitted = 0;
        for (var outage = 0; outage < 3; outage++)
        {
            scene.Redis.Process.Kill();
            for (var i = 0; i < 30 && await scene.PostAsync(LimitScene.Ada) is { Status: var status }; i++)
            {
                status.ShouldBeOneOf(HttpStatusCode.OK, HttpStatusCode.ServiceUnavailable);
                admitted += status == HttpStatusCode.OK ? 1 : 0;
            }
            await scene.Redis.StartAgainAsync();
            if (outage == 1)
                await scene.Gateway.StartAgainAsync();   // a restart refills nothing
            await Eventually.TrueAsync("what was admitted is charged", async () => await scene.TryStandingAsync("month") is { } it && it.Used == 7 + admitted * 7, bound: TimeSpan.FromSeconds(15));
        }
        admitted.ShouldBeGreaterThan(10);
        (admitted * 7).ShouldBeLessThanOrEqualTo(200);
        (await scene.StandingAsync("month")).Over.ShouldBe(admitted * 7);
        scene.Gateway.Events().Count(it => it.GetProperty("at_source").GetString() == "gateway").ShouldBe(admitted);
    }

    [Fact]
    public async Task Open_admits_and_charges_afterwards()
    {
        await using var scene = await LimitScene.StartAsync(Month, ("Limits__OnRedisDown", "open"));
        (await scene.PostAsync(LimitScene.Ada)).Status.ShouldBe(HttpStatusCode.OK);
        scene.Redis.Process.Kill();
        for (var i = 0; i < 10; i++)
            (await scene.PostAsync(LimitScene.Ada)).Status.ShouldBe(HttpStatusCode.OK);
        await scene.Redis.StartAgainAsync();
        await scene.SettledAsync("month", 77);
    }

    [Fact]
    public async Task A_policy_that_evicts_is_refused_and_said()
    {
        await using var scene = await LimitScene.StartAsync(Month);
        await scene.Redis.SetAsync("maxmemory-policy", "volatile-ttl");
        await Eventually.TrueAsync("it is refused", async () => await scene.PostAsync(LimitScene.Ada) is { Status: HttpStatusCode.ServiceUnavailable } answer && answer.Text.Contains("noeviction", StringComparison.Ordinal));
        await scene.Redis.SetAsync("maxmemory-policy", "noeviction");
        await Eventually.TrueAsync("it serves again", async () => (await scene.PostAsync(LimitScene.Ada)).Status == HttpStatusCode.OK);
    }
}
