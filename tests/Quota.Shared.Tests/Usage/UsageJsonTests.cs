using System.Text.Json;
using Quota.Shared.Usage;

namespace Quota.Shared.Tests.Usage;

public sealed class UsageJsonTests
{
    private static readonly UsageEvent Event = new()
    {
        Id = Guid.Parse("019ab000-0000-7000-8000-000000000001"), RequestId = Guid.Parse("019ab000-0000-7000-8000-000000000001"), Instance = "i", Seq = 7,
        At = new DateTimeOffset(2026, 11, 23, 6, 0, 0, 123, TimeSpan.Zero), AtSource = "redis", Org = "acme", KeyId = "k", Provider = "openai", Upstream = "openai",
        Route = "/v1/chat/completions", Model = "m", Stream = true, StartedAt = DateTimeOffset.UnixEpoch, EndedAt = DateTimeOffset.UnixEpoch, Status = UsageStatus.Completed,
        Usage = new UsageCounts { Requests = 1, InputTokens = 3 }, UsageRaw = RawJson.TryTake("""{"prompt_tokens":3}"""u8.ToArray()), Counted = ["c1"],
    };

    [Fact]
    public void An_event_is_written_in_the_contracts_words()
    {
        var json = JsonSerializer.SerializeToElement(Event, UsageJson.Default.UsageEvent);
        json.GetProperty("id").GetString().ShouldBe("019ab000-0000-7000-8000-000000000001");
        json.GetProperty("at").GetString().ShouldBe("2026-11-23T06:00:00.123+00:00");
        json.GetProperty("source").GetString().ShouldBe("gateway");
        json.GetProperty("usage").GetProperty("input_tokens").GetInt64().ShouldBe(3);
        json.GetProperty("usage_raw").GetProperty("prompt_tokens").GetInt64().ShouldBe(3);
        json.TryGetProperty("team", out _).ShouldBeFalse();   // absent, not null
    }

    [Fact]
    public void It_comes_back_with_the_same_bytes()
    {
        var bytes = JsonSerializer.SerializeToUtf8Bytes(Event, UsageJson.Default.UsageEvent);
        JsonSerializer.SerializeToUtf8Bytes(JsonSerializer.Deserialize(bytes, UsageJson.Default.UsageEvent)!, UsageJson.Default.UsageEvent).ShouldBe(bytes);
    }
}
