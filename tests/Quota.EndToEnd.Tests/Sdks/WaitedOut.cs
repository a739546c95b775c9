using System.Globalization;
using Quota.TestKit;

namespace Quota.EndToEnd.Tests.Sdks;

/// <summary>What it means to wait as <c>Retry-After</c> says.</summary>
internal static class WaitedOut
{
    /// <summary>
    /// Of a key's attempts: so many were served, at least one was refused, every refusal named a wait, and the next attempt came no
    /// sooner than that and not long after it.
    /// </summary>
    public static void Check(IReadOnlyList<Attempt> attempts, int served)
    {
        attempts.Count(attempt => attempt.Status == 200).ShouldBe(served);
        var refused = attempts.Index().Where(it => it.Item.Status == 429).ToList();
        refused.ShouldNotBeEmpty();
        foreach (var (index, attempt) in refused)
        {
            var named = TimeSpan.FromSeconds(int.Parse(attempt.Headers["retry-after"], CultureInfo.InvariantCulture));
            named.ShouldBeInRange(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(2));
            (attempts[index + 1].At - attempt.At).ShouldBeInRange(named - TimeSpan.FromMilliseconds(20), named + TimeSpan.FromSeconds(2));
        }
    }
}
