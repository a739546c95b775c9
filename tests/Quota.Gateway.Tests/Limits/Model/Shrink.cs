using CsCheck;

namespace Quota.Gateway.Tests.Limits.Model;

/// <summary>Runs scenarios; a failure is made small by leaving out steps and limits, and told as a history to read.</summary>
internal static class Shrink
{
    private const int MostTries = 400;

    public static async Task SampleShrunkAsync(this Gen<Scenario> scenarios, Func<Scenario, Task> play, long sequences)
    {
        Scenario? smallest = null;
        var gate = new Lock();
        try
        {
            await scenarios.SampleAsync(async scenario =>
            {
                try
                {
                    await play(scenario);
                }
                catch
                {
                    lock (gate)
                        smallest = smallest is null || scenario.Steps.Count < smallest.Steps.Count ? scenario : smallest;
                    throw;
                }
            }, iter: sequences, threads: 2, print: _ => "(see above)");
        }
        catch (CsCheckException found) when (smallest is not null)
        {
            var (shrunk, problem) = await SmallestAsync(smallest, play, found);
            throw new ModelDiffersException($"{problem.Message}\n{shrunk}\n{found.Message}", problem);
        }
    }

    private static async Task<(Scenario Scenario, Exception Problem)> SmallestAsync(Scenario scenario, Func<Scenario, Task> play, Exception found)
    {
        var (best, problem, tries) = (scenario, found, 0);
        bool shrunk;
        do
        {
            shrunk = false;
            foreach (var smaller in Smaller(best))
            {
                if (tries++ >= MostTries)
                    return (best, problem);
                try
                {
                    await play(smaller);
                }
                catch (Exception still)
                {
                    (best, problem, shrunk) = (smaller, still, true);
                    break;
                }
            }
        }
        while (shrunk);
        return (best, problem);
    }

    private static IEnumerable<Scenario> Smaller(Scenario scenario)
    {
        for (var size = scenario.Steps.Count / 2; size >= 1; size /= 2)
        {
            for (var from = scenario.Steps.Count - size; from >= 0; from -= size)
                yield return scenario with { Steps = [.. scenario.Steps.Take(from), .. scenario.Steps.Skip(from + size)] };
        }
        for (var i = 0; i < scenario.Limits.Count && scenario.Limits.Count > 1; i++)
            yield return scenario with { Limits = [.. scenario.Limits.Take(i), .. scenario.Limits.Skip(i + 1)] };
    }
}
