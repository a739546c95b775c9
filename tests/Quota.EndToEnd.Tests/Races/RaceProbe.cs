using System.Text;

namespace Quota.EndToEnd.Tests.Races;

/// <summary>
/// Asks, when all is quiet, for the smallest call with each key: a limit must refuse it if and only if it does not fit. Until then every
/// unit that is not used can be had.
/// </summary>
internal sealed class RaceProbe(RaceField field, Func<Task> quiet, List<RaceBreach> breaches)
{
    private const int Bound = 1;
    private static readonly string Body = RaceField.Body("a reply:1", Bound);

    public async Task RunAsync()
    {
        foreach (var key in RaceOrg.Keys)
        {
            var gateway = field.Gateways[^1];
            var standings = (await gateway.LimitsAsync()).ToDictionary(standing => standing.Code);
            var full = field.Org.Limits.Where(limit => key.Nodes.Contains(limit.Node))
                .Where(limit => standings[limit.Code].Used + standings[limit.Code].Held + RaceOrg.WorstCase(limit.Meter, Encoding.UTF8.GetByteCount(Body), Bound) > limit.Most).ToArray();
            var call = await field.CallAsync(gateway, key, Body);
            if (call.Outcome == RaceOutcome.Refused && full.All(limit => limit.Code != call.Refusal!.Limit) && !field.Org.Limits.Single(limit => limit.Code == call.Refusal!.Limit).IsRate)
                Breach(RaceCheck.RefusedOnlyWhenFull, $"{call.Refusal!.Limit} refused the smallest call of {key.Name}, which fits");
            if (call.Outcome == RaceOutcome.Served && full.FirstOrDefault(limit => !limit.IsRate) is { } passed)
                Breach(RaceCheck.AdmittedOnlyWhatFits, $"{passed.Code} let the smallest call of {key.Name} through, which does not fit");
            if (call.Outcome is not (RaceOutcome.Refused or RaceOutcome.Served))
                Breach(RaceCheck.RefusedOnlyWhenFull, $"the smallest call of {key.Name} is {call.Outcome} though all servers are there");
            await quiet();
        }
    }

    private void Breach(RaceCheck check, string what)
    {
        lock (breaches)
            breaches.Add(new RaceBreach(check, what));
    }
}
