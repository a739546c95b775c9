using Quota.TestKit;

namespace Quota.EndToEnd.Tests.Races;

/// <summary>What befalls the servers.</summary>
internal enum RaceFault
{
    /// <summary>SIGKILL, and started again on its folder.</summary>
    KillGateway,

    /// <summary>SIGKILL, and started again on its data.</summary>
    KillStore,

    /// <summary>What a gateway asks arrives at the store, the answers do not.</summary>
    LoseAnswers,

    /// <summary>Stops for longer than its holds live, and goes on.</summary>
    FreezeGateway,

    /// <summary>Stops for longer than gateways wait, and goes on.</summary>
    FreezeStore,
}

/// <summary>
/// Does the faults in an order, to gateways and after progress that the seed decides. Often the next comes before the last is over; one
/// gateway is always alive.
/// </summary>
internal sealed class RaceChaos(RaceField field, RaceLoad load, RacePlan plan)
{
    private readonly Random _random = new(plan.Seed);
    private readonly SemaphoreSlim _store = new(1);
    private readonly HashSet<RaceGateway> _away = [];

    public async Task RunAsync()
    {
        var order = plan.Faults.ToArray();
        _random.Shuffle(order);
        List<Task> ending = [];
        foreach (var fault in order)
        {
            if (_random.Next(4) > 0)
                await ProgressAsync();
            ending.Add(DoAsync(fault, _random.Next(field.Gateways.Count), _random.Next(50, 500)));
        }
        await Task.WhenAll(ending);
    }

    /// <summary>Until more calls were served; where nobody can be, because a server is away or the budgets are used up, only a moment.</summary>
    private async Task ProgressAsync()
    {
        var between = plan.Calls / (plan.Faults.Count + 2);
        var (goal, until) = (load.Served + _random.Next(between / 2, between * 3 / 2), TimeProvider.System.GetUtcNow().AddSeconds(3));
        while (load.Served < goal && TimeProvider.System.GetUtcNow() < until)
            await Task.Delay(10);
    }

    private async Task DoAsync(RaceFault fault, int which, int milliseconds)
    {
        if (fault is RaceFault.KillStore or RaceFault.FreezeStore)
        {
            await StoreAsync(fault, milliseconds);
            return;
        }
        var gateway = await TakeAwayAsync(which);
        field.Begin(fault, gateway);
        switch (fault)
        {
            case RaceFault.KillGateway:
                gateway.Process.Process.Kill();
                await Task.Delay(milliseconds);   // how long it is away
                await gateway.StartAgainAsync();
                break;
            case RaceFault.FreezeGateway:
                gateway.Process.Process.Freeze();
                await Task.Delay(field.HoldDeadline + TimeSpan.FromMilliseconds(300 + milliseconds));
                gateway.Process.Process.Thaw();
                break;
            case RaceFault.LoseAnswers:
                gateway.Wire.LoseAnswers();
                await Task.Delay(600 + milliseconds);
                gateway.Wire.Mend();
                break;
        }
        await gateway.ReadyAsync();
        field.Note($"gateway {gateway.Number} is there again");
        lock (_away)
            _away.Remove(gateway);
    }

    /// <summary>The gateway that the seed names, or the next that is there; waits until another one is there to sweep up after it.</summary>
    private async Task<RaceGateway> TakeAwayAsync(int which)
    {
        RaceGateway? taken = null;
        await Eventually.TrueAsync("two gateways are there", () =>
        {
            lock (_away)
            {
                var there = Enumerable.Range(0, field.Gateways.Count).Select(i => field.Gateways[(which + i) % field.Gateways.Count]).Where(it => !_away.Contains(it)).ToArray();
                taken = there.Length > 1 ? there[0] : null;
                return taken is not null && _away.Add(taken);
            }
        }, TimeSpan.FromSeconds(60));
        return taken!;
    }

    private async Task StoreAsync(RaceFault fault, int milliseconds)
    {
        await _store.WaitAsync();
        field.Begin(fault, null);
        try
        {
            if (fault == RaceFault.KillStore)
            {
                field.Redis.Process.Kill();
                await Task.Delay(milliseconds);
                await field.Redis.StartAgainAsync();
            }
            else
            {
                field.Redis.Process.Freeze();
                await Task.Delay(400 + milliseconds);
                field.Redis.Process.Thaw();
            }
        }
        finally
        {
            field.Note("the store is there again");
            _store.Release();
        }
    }
}
