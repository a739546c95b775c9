using Quota.TestKit;

namespace Quota.EndToEnd.Tests.Races;

/// <summary>Races take both cores for themselves.</summary>
[CollectionDefinition(nameof(Races), DisableParallelization = true)]
public sealed class Races;

/// <summary>Gateways and the store are killed under many clients, and no limit is passed at any level.</summary>
[Collection(nameof(Races))]
public sealed class RaceTests(ITestOutputHelper output)
{
    private static readonly RaceFault[] Short =
    [
        .. Enumerable.Repeat(RaceFault.KillGateway, 3), .. Enumerable.Repeat(RaceFault.KillStore, 2), RaceFault.LoseAnswers, RaceFault.FreezeGateway,
    ];

    private static readonly RaceFault[] Long =
    [
        .. Enumerable.Repeat(RaceFault.KillGateway, 16), .. Enumerable.Repeat(RaceFault.KillStore, 8), .. Enumerable.Repeat(RaceFault.LoseAnswers, 4),
        .. Enumerable.Repeat(RaceFault.FreezeGateway, 3), .. Enumerable.Repeat(RaceFault.FreezeStore, 3),
    ];

    [Fact]
    public async Task Three_gateways_and_200_clients_pass_no_limit_whoever_is_killed()
    {
        var seed = Environment.GetEnvironmentVariable("QUOTA_SEED") is { } text ? int.Parse(text, System.Globalization.CultureInfo.InvariantCulture) : Random.Shared.Next();
        output.WriteLine($"seed {seed} (QUOTA_SEED={seed} runs it again)");
        var verdict = await Race.RunAsync(new RacePlan(seed, Gateways: 3, Clients: 200, LongForm.Pick(800, 6000), LongForm.Pick(Short, Long)));
        output.WriteLine($"{verdict.Figures}{string.Join('\n', verdict.Notes)}");
        verdict.ShouldBeClean();
    }
}
