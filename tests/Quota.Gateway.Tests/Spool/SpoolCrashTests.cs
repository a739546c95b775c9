using System.Diagnostics;
using Quota.Gateway.Spool;
using Quota.TestKit;

namespace Quota.Gateway.Tests.Spool;

/// <summary>Random lives of a spool on a disk that loses, tears, fills up, fails and flips: 10,000 crashes in the long form.</summary>
public sealed class SpoolCrashTests(ITestOutputHelper output)
{
    private const int CrashesEach = 8;

    [Fact]
    public void Nothing_acknowledged_is_lost_and_nothing_comes_twice()
    {
        var (began, crashes, cut, seed) = (Stopwatch.GetTimestamp(), 0, 0, int.TryParse(Environment.GetEnvironmentVariable("QUOTA_SEED"), out var first) ? first : 1);
        for (; crashes < LongForm.Pick(1_000, 10_000); seed++)
        {
            var history = new SpoolHistory(seed);
            try
            {
                history.Run(CrashesEach);
            }
            catch (Exception problem)
            {
                throw new InvalidOperationException($"seed {seed} (QUOTA_SEED={seed}), after {history.Crashes} crashes: {problem.Message}", problem);
            }
            crashes += history.Crashes;
            cut += history.Holes;
        }
        output.WriteLine($"{crashes} crashes, {cut} of which cost records that were not durable, in {Stopwatch.GetElapsedTime(began).TotalSeconds:F1} s");
        cut.ShouldBeGreaterThan(crashes / 20);
    }
}
