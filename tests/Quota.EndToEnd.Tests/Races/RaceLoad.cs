namespace Quota.EndToEnd.Tests.Races;

/// <summary>
/// Many clients, each with its own key, each call through a gateway at random, until the budgets are used up: nothing was served for a while
/// though nobody was away. Everything that is random comes from the seed.
/// </summary>
internal sealed class RaceLoad(RaceField field, RacePlan plan)
{
    /// <summary>What a call uses on average, for choosing the budgets.</summary>
    public const decimal MeanNanos = 5 * RaceOrg.NanosPerInput + 14 * RaceOrg.NanosPerOutput, MeanTokens = 19;

    private int _served, _refusedInARow;
    private volatile bool _mayEnd, _ended;

    /// <summary>Calls whose whole answer was read.</summary>
    public int Served => Volatile.Read(ref _served);

    /// <summary>The budgets leave no room: the last calls were all refused by limits. Or they leave room without end, which the checks find.</summary>
    private bool IsUsedUp => Volatile.Read(ref _refusedInARow) >= plan.Clients || Served > 2 * plan.Calls || @field.Calls.Count > 200 * plan.Calls;

    /// <summary>Runs until <see cref="Finish"/> was said and the budgets are used up.</summary>
    public Task RunAsync() => Task.WhenAll(Enumerable.Range(0, plan.Clients).Select(client => Task.Run(() => ClientAsync(client))));

    /// <summary>Nothing more is done to the servers: the load ends with the budgets.</summary>
    public void Finish() => _mayEnd = true;

    /// <summary>It ends now.</summary>
    public void Stop() => _ended = true;

    private async Task ClientAsync(int client)
    {
        var random = new Random(plan.Seed * 1_000_003 + client);
        var key = RaceOrg.Keys[client % RaceOrg.Keys.Count];
        await Task.Delay(random.Next(400));
        while (!_ended)
        {
            var call = await CallAsync(key, random);
            Note(call.Outcome);
            // As people and their SDKs do: a little thought, and a pause after a refusal.
            await Task.Delay(call.Outcome switch
            {
                RaceOutcome.Refused => random.Next(150, 600),
                RaceOutcome.Unavailable or RaceOutcome.Unreachable => random.Next(200, 600),
                _ => random.Next(400),
            });
        }
    }

    private void Note(RaceOutcome outcome)
    {
        if (outcome == RaceOutcome.Served)
            Interlocked.Increment(ref _served);
        if (outcome == RaceOutcome.Refused)
            Interlocked.Increment(ref _refusedInARow);
        else
            Volatile.Write(ref _refusedInARow, 0);
        if (_mayEnd && IsUsedUp)
            _ended = true;   // for all of them: the few that were left alone would go on for long
    }

    private async Task<RaceCall> CallAsync(RaceKey key, Random random)
    {
        var gateway = field.Gateways[random.Next(field.Gateways.Count)];
        var bound = random.Next(8, 40);
        var words = new List<string> { "a", "word", $"reply:{random.Next(1, bound + 4)}" };
        var stream = random.Next(2) == 0;
        var dice = random.NextDouble();
        words.AddRange(dice switch
        {
            < 0.02 => ["fault:500"],
            < 0.03 => ["fault:429"],
            < 0.05 => ["fault:cut", $"wait:{random.Next(60)}"],
            < 0.06 => ["fault:no-usage"],
            _ when random.NextDouble() < plan.SlowCalls => stream ? ["chunk:1", $"pace:{3000 / bound}"] : [$"wait:{random.Next(2200, 3200)}"],
            _ => stream ? ["chunk:4", $"pace:{random.Next(25)}"] : [$"wait:{random.Next(300)}"],
        });
        var body = RaceField.Body(string.Join(' ', words), bound, stream);
        if (dice < 0.95)
            return await field.CallAsync(gateway, key, body);
        using var patience = new CancellationTokenSource(random.Next(1, 150));
        return await field.CallAsync(gateway, key, body, patience.Token);
    }
}
