namespace Quota.Gateway.Tests.Limits.Model;

/// <summary>
/// What a step may do to used + held of a counter, judged by the store's own fields: a hold that is made or grows stays within the
/// amount; everything else that raises used + held is in `over`, or a seed.
/// </summary>
internal sealed record Audit(Func<string, Observed, Observed, char, string?> Judge)
{
    /// <summary>Nothing may grow.</summary>
    public static readonly Audit Shrinks = new((_, _, _, _) => "nothing may grow here");

    public static Audit Fits(IReadOnlyList<(string Id, long? Cap)> caps) => new((id, _, now, letter) =>
        caps.Where(cap => cap.Id == id).Select(cap => cap.Cap).DefaultIfEmpty(-1).First() is { } cap && Sum(now, letter) > cap ? $"A1: used + held are more than {cap}" : null);

    public static Audit ByOver(HashSet<string> hard) => new((id, before, now, letter) =>
        hard.Contains(id) && Sum(now, letter) - Sum(before, letter) > now.Over - before.Over ? "A1: what was not held is not in over" : null);

    public static Audit BySeed(string seeded, long growth) => new((id, before, now, letter) => id == seeded && Sum(now, letter) - Sum(before, letter) == growth ? null : "more than the seed");

    public void Check(string id, Observed before, Observed now, char letter)
    {
        if (Sum(now, letter) > Sum(before, letter) && Judge(id, before, now, letter) is { } problem)
            throw new InvalidOperationException($"counter {id} went from {before} to {now}: {problem}");
    }

    private static long Sum(Observed counter, char letter) => (letter == 'n' ? 0 : counter.Live + counter.Seed) + counter.Held;
}
