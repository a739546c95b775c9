using Quota.TestKit;

namespace Quota.Gateway.Tests.Limits.Model;

/// <summary>The model on Redis 7.</summary>
public sealed class RedisModelTests(RedisFixture redis) : ModelTests(redis, LongForm.Pick(500, 10_000)), IClassFixture<RedisFixture>;

/// <summary>The model on Garnet.</summary>
public sealed class GarnetModelTests(GarnetFixture garnet) : ModelTests(garnet, LongForm.Pick(60, 2_000)), IClassFixture<GarnetFixture>;

/// <summary>
/// Random trees, limits and histories against a model. A failure prints its smallest history and a seed: set <c>CsCheck_Seed</c> to it to
/// see it again.
/// </summary>
public abstract class ModelTests(StoreFixture fixture, long sequences)
{
    [Fact]
    public Task A_store_does_what_the_model_does() => ScenarioGen.Scenarios.SampleShrunkAsync(async scenario =>
    {
        using var run = new ModelRun(fixture, scenario);
        await run.RunAsync();
    }, sequences);

    [Fact]
    public Task Whatever_is_in_flight_at_once_sums_are_kept_and_caps_are_not_passed() => ScenarioGen.Storms.SampleShrunkAsync(async scenario =>
    {
        using var run = new ModelRun(fixture, scenario);
        await run.StormAsync();
    }, sequences / 2);

    [Fact]
    public Task What_goes_together_in_one_call_is_decided_as_if_each_had_come_alone() => ScenarioGen.Bursts.SampleShrunkAsync(async scenario =>
    {
        using var run = new ModelRun(fixture, scenario);
        await run.BurstAsync();
    }, sequences / 2);
}
