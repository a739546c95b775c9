using Quota.TestKit;

namespace Quota.EndToEnd.Tests.StandIns;

public sealed class StoreServerTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_redis_is_restored_from_an_old_copy_or_replaced_by_an_empty_one(bool appendOnly)
    {
        await using var redis = await RedisServer.StartAsync(appendOnly);
        await redis.CommandAsync("SET", "k", "old");
        var copy = await redis.CopyDataAsync();
        await redis.CommandAsync("SET", "k", "néw\r\nline");
        (await redis.CommandAsync("GET", "k")).ShouldBe("néw\r\nline");
        await redis.StartAgainFromAsync(copy);
        (await redis.CommandAsync("GET", "k")).ShouldBe("old");
        await redis.StartAgainAsync();
        (await redis.CommandAsync("GET", "k")).ShouldBe("old");
        var before = (await redis.InfoAsync("server"))["run_id"];
        await redis.StartAgainEmptyAsync();
        (await redis.CommandAsync("GET", "k")).ShouldBeNull();
        (await redis.InfoAsync("server"))["run_id"].ShouldNotBe(before);
    }

    [Fact]
    public async Task A_replica_refuses_writes_and_holds_the_masters_data_when_it_is_a_master_again()
    {
        await using var redis = await RedisServer.StartAsync();
        await using var other = await RedisServer.StartAsync();
        await other.CommandAsync("SET", "k", "old");
        await redis.CommandAsync("SET", "k", "new");
        await redis.ReplicaOfAsync(other);
        (await Should.ThrowAsync<RedisErrorException>(() => redis.CommandAsync("SET", "k", "x"))).Message.ShouldStartWith("READONLY");
        await redis.ReplicaOfAsync(null);
        (await redis.CommandAsync("GET", "k")).ShouldBe("old");
        await redis.CommandAsync("SET", "k", "x");
    }

    [Fact]
    public async Task Settings_are_set_at_start_and_later_and_a_frozen_one_ends()
    {
        var redis = await RedisServer.StartAsync(false, "--maxmemory-policy", "allkeys-lru");
        (await redis.CommandAsync("CONFIG", "GET", "maxmemory-policy")).ShouldBe("maxmemory-policy\nallkeys-lru");
        await redis.SetAsync("maxmemory-policy", "noeviction");
        (await redis.CommandAsync("CONFIG", "GET", "maxmemory-policy")).ShouldBe("maxmemory-policy\nnoeviction");
        redis.Process.Freeze();
        await redis.DisposeAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(5));
    }

    [Fact]
    public async Task A_cluster_has_three_masters_and_says_who_holds_a_key()
    {
        await using var cluster = await RedisCluster.StartAsync();
        foreach (var key in new[] { "a", "{acme}x", "b", "c", "foo" })
        {
            var master = await cluster.MasterOfAsync(key);
            await master.CommandAsync("SET", key, "v");
            foreach (var other in cluster.Masters.Where(other => other != master))
                (await Should.ThrowAsync<RedisErrorException>(() => other.CommandAsync("GET", key))).Message.ShouldContain($"127.0.0.1:{master.Port}");
        }
        cluster.Masters[1].Process.Kill();
        await cluster.Masters[1].StartAgainEmptyAsync();
        await cluster.ReadyAsync();
        await cluster.FlushAllAsync();
    }

    [Fact]
    public async Task A_provider_tells_of_calls_that_were_broken_off()
    {
        await using var provider = await FakeProvider.StartAsync();
        using var http = new HttpClient { BaseAddress = new Uri(provider.BaseUrl) };
        HttpRequestMessage Request(string id, string words, string more = "", bool stream = true)
        {
            var request = new HttpRequestMessage(HttpMethod.Post, "/v1/chat/completions") { Content = new StringContent($$"""{"model":"m","stream":{{(stream ? "true" : "false")}},"messages":[{"content":"{{words}}"}]{{more}} }""") };
            request.Headers.Authorization = new("Bearer", FakeProvider.DefaultCredential);
            request.Headers.Add("x-request-id", id);
            return request;
        }
        using (var answer = await http.SendAsync(Request("a", "pace:20 chunk:3 reply:1000"), HttpCompletionOption.ResponseHeadersRead))
        {
            provider.Served.Running.ShouldBe(1);
            await using var stream = await answer.Content.ReadAsStreamAsync();
            (await stream.ReadAsync(new byte[64])).ShouldBeGreaterThan(0);
        }
        var end = await provider.Served.EndOfAsync("a");
        (end.Ending, end.Status, end.OutputTokens % 3).ShouldBe((ProviderEnding.CallerGone, 499, 0));
        end.OutputTokens.ShouldBeInRange(3, 300);
        provider.Served.Running.ShouldBe(0);

        var text = await (await http.SendAsync(Request("b", "chunk:3 reply:8", ",\"max_tokens\":7"))).Content.ReadAsStringAsync();
        FakeProvider.TokensIn(text).ShouldBe(7);
        text.Split("\n\n").Select(FakeProvider.TokensIn).Where(n => n > 0).ShouldBe([3, 3, 1]);
        text.ShouldContain("\"finish_reason\":\"length\"");
        (await provider.Served.EndOfAsync("b")).ShouldBe(new ProviderEntry(2, "b", "m", true, 2, 7, 200, ProviderEnding.Completed, 7));
        text = await (await http.SendAsync(Request("c", "hello", ",\"max_completion_tokens\":5", stream: false))).Content.ReadAsStringAsync();
        FakeProvider.TokensIn(text).ShouldBe(5);
        text.ShouldContain("\"finish_reason\":\"length\"");
        using (var soon = new CancellationTokenSource(100))
            await Should.ThrowAsync<OperationCanceledException>(() => http.SendAsync(Request("d", "wait:60000", stream: false), soon.Token));
        (await provider.Served.EndOfAsync("d")).Ending.ShouldBe(ProviderEnding.CallerGone);
        (await http.GetStringAsync("/_log/entries?request_id=a")).ShouldContain("\"ending\":\"caller_gone\"");
    }
}
