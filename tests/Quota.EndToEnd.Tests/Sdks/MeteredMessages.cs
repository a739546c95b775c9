using System.Text.Json;
using Quota.TestKit;

namespace Quota.EndToEnd.Tests.Sdks;

/// <summary>What the SDK was told, what the provider counted, what the events say and where the counters stand: all the same.</summary>
internal static class MeteredMessages
{
    /// <param name="told">The usage that the SDK parsed, call by call, all input in one number.</param>
    public static async Task CheckAsync(SdkScene scene, IReadOnlyList<(long Input, long Output)> told)
    {
        var events = await scene.EventsAsync("counted", told.Count);
        foreach (var (it, (input, output)) in events.OrderBy(it => it.GetProperty("at").GetDateTimeOffset()).Zip(told))
        {
            var counted = await scene.Provider.Served.EndOfAsync(it.GetProperty("request_id").GetString()!);
            var usage = it.GetProperty("usage");
            (Number(usage, "input_tokens"), Number(usage, "output_tokens")).ShouldBe((input, output));
            (counted.InputTokens, counted.OutputTokens).ShouldBe(((int)input, (int)output));
            Number(usage, "cached_input_tokens").ShouldBe(counted.CachedInputTokens);
            Number(usage, "cache_write_tokens").ShouldBe(counted.CacheWriteTokens);
            Number(usage, "cache_write_1h_tokens").ShouldBe(counted.CacheWrite1hTokens);
            (it.GetProperty("provider").GetString(), it.TryGetProperty("estimated", out var estimated) && estimated.GetBoolean()).ShouldBe(("anthropic", false));
        }
        await StandsAsync(scene, "counted-input", told.Sum(it => it.Input));
        await StandsAsync(scene, "counted-output", told.Sum(it => it.Output));
    }

    private static Task StandsAsync(SdkScene scene, string limit, long used) =>
        Eventually.TrueAsync($"{limit} stands at {used}", async () => await scene.StandingAsync(limit) == (used, 0), detail: () => scene.Output);

    private static long Number(JsonElement usage, string field) => usage.TryGetProperty(field, out var number) ? number.GetInt64() : 0;
}
