using System.Globalization;
using System.Text;
using Quota.Gateway.ControlPlane;
using Quota.Gateway.Limits;
using Quota.Gateway.Limits.Store;
using Quota.Shared.Amounts;
using Quota.Shared.ControlPlane;
using StackExchange.Redis;

namespace Quota.Gateway.Tests.Limits.Model;

/// <summary>
/// Plays a scenario on a real store and on the model, step by step, and compares after each: the reply, every counter, every hold. Beside
/// the model it audits each step by A1's own formula, from what the store says alone.
/// </summary>
internal sealed class ModelRun : IDisposable
{
    /// <summary>Nano-units per input and per output token; the last is finer than the store counts.</summary>
    public static readonly IReadOnlyList<(decimal Input, decimal Output)> Prices = [(0, 0), (1, 2), (0.15m, 37.5m), (1.333333333m, 0.000000001m), (0.1m, 0.6m), (2.00000000004m, 3.99999999999m)];

    private const long HoldsLong = 60_000;
    private static readonly TimeSpan Behind = TimeSpan.FromSeconds(-2.5);

    private readonly StoreFixture _fixture;
    private readonly Scenario _scenario;
    private readonly string _org = Some.Org();
    private readonly DateTimeOffset _began = TimeProvider.System.GetUtcNow();
    private readonly GatewayClock[] _clocks = [new(TimeProvider.System), new(new SkewedTime(Behind)), new(TimeProvider.System)];
    private readonly QuotaStore[] _stores;
    private readonly ModelLimit[][] _limits;
    private readonly ControlState?[] _compiled = new ControlState?[3];
    private readonly QuotaModel _model = new();
    private readonly List<Asked> _asked = [];
    private Dictionary<string, Observed> _observed = [];
    private long _reaps;
    private string _epoch = "";

    public ModelRun(StoreFixture fixture, Scenario scenario)
    {
        (_fixture, _scenario) = (fixture, scenario);
        _stores = [.. Enumerable.Range(0, 3).Select(i => fixture.Store(_clocks[i], i == 2 ? TimeSpan.FromMilliseconds(1) : null, $"g{i}"))];
        _limits = [.. Enumerable.Range(0, 3).Select(_ => scenario.Limits.ToArray())];
    }

    private IDatabase Database => _fixture.Connection.GetDatabase();

    private long NowMs => _clocks[0].GetUtcNow().ToUnixTimeMilliseconds();

    /// <exception cref="ModelDiffersException">At the first step after which store and model differ.</exception>
    public async Task RunAsync()
    {
        _epoch = await _stores[0].Epoch(_org).OpenAsync();
        for (var i = 0; i < _scenario.Steps.Count; i++)
        {
            try
            {
                await PlayAsync(_scenario.Steps[i]);
            }
            catch (Exception problem)
            {
                throw new ModelDiffersException($"step {i} ({_scenario.Steps[i]}): {problem.Message}", problem);
            }
        }
        await CheckFactsAsync();
        await CheckKeysAsync();
    }

    /// <summary>All steps in flight at once, in thirds after the first third; then what must hold in any order.</summary>
    public async Task StormAsync()
    {
        _epoch = await _stores[0].Epoch(_org).OpenAsync();
        var first = _scenario.Steps.OfType<Step.Reserve>().Take(8).ToArray();
        foreach (var step in first)
            await AskAsync(step);
        var replies = new System.Collections.Concurrent.ConcurrentBag<(Guid Id, long[] Added)>();
        foreach (var wave in _scenario.Steps.Chunk(Math.Max(1, _scenario.Steps.Count / 2)))
            await Task.WhenAll(wave.Select(step => Task.Run(() => WaveAsync(step, replies))));
        await CheckSumsAsync(replies);
        await CheckKeysAsync();
    }

    /// <summary>
    /// The first half step by step, then all the rest by one gateway without waiting for an answer: it goes in few calls, and every reply
    /// must be as if each had come alone, in this order.
    /// </summary>
    public async Task BurstAsync()
    {
        _epoch = await _stores[0].Epoch(_org).OpenAsync();
        var half = _scenario.Steps.Count / 2;
        foreach (var step in _scenario.Steps.Take(half))
            await PlayAsync(step);
        List<(Step Step, Task<object?> Reply, Func<object?, object?> Expected)> sent = [];
        foreach (var step in _scenario.Steps.Skip(half))
        {
            if (await SendAsync(step) is { } one)
                sent.Add((step, one.Reply, one.Expected));
        }
        for (var i = 0; i < sent.Count; i++)
        {
            var reply = await sent[i].Reply;
            var expected = sent[i].Expected(reply);
            if (expected is long[] adds)
                reply.ShouldBeOfType<long[]>().ShouldBe(adds, $"burst {i} ({sent[i].Step})");
            else if (reply is not StoreReserve)
                reply.ShouldBe(expected, $"burst {i} ({sent[i].Step})");
        }
        Compare(await ReadAsync(), new Audit((_, _, _, _) => null));
        await CheckHoldsAsync();
        await CheckFactsAsync();
        await CheckKeysAsync();
    }

    public void Dispose()
    {
        foreach (var store in _stores)
            store.Dispose();
    }

    private async Task PlayAsync(Step step)
    {
        switch (step)
        {
            case Step.Reserve reserve:
                await ReserveAsync(reserve.Gateway, await NewAsync(reserve));
                break;
            case Step.Again again when Of(again.Request) is { Worst.Length: > 0 } asked:
                await AgainAsync(again.Gateway, asked);
                break;
            case Step.Settle settle when Of(settle.Request) is { Hold: not null } asked:
                await SettleAsync(settle, asked);
                break;
            case Step.Release release when Of(release.Request) is { Hold: not null } asked:
                await CompareAsync("release", asked.Id, () => _stores[release.Gateway].ReleaseAsync(_org, asked.Id, IdsOf(asked.Hold!)), at => _model.Release(asked.Id, at), Audit.Shrinks);
                break;
            case Step.Extend extend when Of(extend.Request) is { Hold: not null } asked:
                await ExtendAsync(extend, asked);
                break;
            case Step.Reap:
                await ReapAsync();
                break;
            case Step.Charge charge:
                await ChargeAsync(charge);
                break;
            case Step.Seed seed:
                await SeedAsync(seed);
                break;
            case Step.Shift shift:
                Shift((_clocks[0].OffsetMs ?? 0) + shift.ByMs);
                break;
            case Step.ToMonthEnd turn:
                var end = PlainCalendar.Of(new LimitWindow { Kind = "month" }, TimeZoneInfo.FindSystemTimeZoneById(turn.Zone), NowMs + 3_600_000).End;
                Shift((_clocks[0].OffsetMs ?? 0) + end + turn.Ms - NowMs);
                break;
            case Step.Change change when change.Limit < _scenario.Limits.Count:
                Apply(change);
                break;
            case Step.Unknown unknown:
                await UnknownAsync(unknown);
                break;
        }
    }

    private Asked? Of(int request) => _asked.Count == 0 ? null : _asked[request % _asked.Count];

    private void Shift(long offsetMs)
    {
        foreach (var clock in _clocks)
            clock.Shift(offsetMs);
    }

    private void Apply(Step.Change change)
    {
        for (var i = 0; i < 3; i++)
        {
            if ((change.Gateways >> i & 1) == 0)
                continue;
            var limit = _scenario.Limits[change.Limit];
            _limits[i][change.Limit] = limit with
            {
                Units = Math.Max(1, limit.Units * change.Percent / 100), Burst = limit.Burst is { } burst ? Math.Max(1, burst * change.Percent / 100) : null,
                Mode = change.Mode, Clamp = change.Clamp, Thresholds = change.Thresholds,
            };
            _compiled[i] = null;
        }
    }

    private IReadOnlyList<LimitCounter> PlanOf(int gateway, int key)
    {
        var state = _compiled[gateway] ??= Scenario.Compile(_org, _limits[gateway], _began);
        return state.Callers.Single(caller => caller.Key.Id == Scenario.IdOf(_org, key)).Plan.For("gpt-4o-mini", "openai", "chat");
    }

    // Reserve -----------------------------------------------------------------------------------------------------------------------

    private Task<Asked> NewAsync(Step.Reserve step)
    {
        var plan = PlanOf(step.Gateway, step.Key);
        var (input, output) = Prices[step.Price];
        WorstCase Line(string meter) => meter switch
        {
            Meters.Requests or Meters.Concurrency => new(1, 0),
            Meters.InputTokens => new(step.Input, 0),
            Meters.OutputTokens => new(0, 1),
            Meters.TotalTokens => new(step.Input, 1),
            Meters.Spend or Meters.Cost => new(step.Input * input, output),
            _ => new(step.Images, 0),
        };
        var asked = new Asked(Some.Id(), step, plan, [.. plan.Select(counter => Line(counter.Terms.Meter))]);
        _asked.Add(asked);
        return Task.FromResult(asked);
    }

    /// <summary>The counters of a request, as the limits of a gateway say, for the windows that hold this instant.</summary>
    private ModelPart[] PartsOf(int gateway, int key, IReadOnlyList<LimitCounter> plan, WorstCase[] worst, long choices, long at)
    {
        var path = Scenario.Paths[key];
        var groups = path.SelectMany(node => _limits[gateway].Where(limit => limit.AppliesTo(node, path)).GroupBy(limit => limit.Counts)
            .Select(group => (Node: node, Limits: group.ToArray()))).ToDictionary(group => (Scenario.IdOf(_org, group.Node), string.Join(' ', group.Limits.Select(limit => limit.Code).Order())));
        plan.Count.ShouldBe(groups.Count, "counters in the plan");
        return [.. plan.Select((counter, i) =>
        {
            var (node, limits) = groups[(counter.NodeId, string.Join(' ', counter.Limits.Select(limit => limit.Code).Order()))];
            var hard = limits.Where(limit => limit.IsHard).ToArray();
            var window = limits[0].Window;
            var zone = TimeZoneInfo.FindSystemTimeZoneById(window.Timezone ?? "UTC");
            var letter = window.IsNone ? 'n' : window.IsRate ? 'r' : 'c';
            var start = letter == 'c' ? PlainCalendar.Of(window, zone, at).Start : 0;
            var id = CounterName.Of(CounterName.Identity(counter.NodeId, limits[0].Terms, zone.Id, limits[0].Code, limits[0].Below is { } below ? Scenario.IdOf(_org, below) : null), start);
            static decimal Up(decimal amount) => decimal.Ceiling(amount * 1_000_000_000) / 1_000_000_000;
            return new ModelPart(_model.Counter(id, letter, window.Kind == LimitWindow.Lifetime), hard.Length > 0 ? hard.Min(limit => limit.MostAtOnce) : null, limits[0].Units, window.PeriodMs,
                Up(worst[i].Fixed), Up(worst[i].PerOutputToken * choices), hard.Length > 0 && hard.All(limit => limit.Clamp),
                letter == 'c' && hard.Length > 0 && limits.All(limit => limit.IsNew) && start < _began.ToUnixTimeMilliseconds(),
                [.. limits.SelectMany(limit => limit.Terms.Thresholds.Select(share =>
                    ($"{counter.NodeId}:{Convert.ToHexStringLower(Encoding.UTF8.GetBytes(limit.Code))}:{share.ToString(CultureInfo.InvariantCulture)}", (long)decimal.Ceiling(limit.MostAtOnce * share))))]);
        })];
    }

    private Task<StoreReserve> AskStoreAsync(int gateway, Asked asked) =>
        _stores[gateway].ReserveAsync(_org, asked.Plan, asked.Id, asked.Worst, asked.Step.Least, asked.Step.Most, asked.Step.Choices);

    private async Task ReserveAsync(int gateway, Asked asked)
    {
        var reply = await AskStoreAsync(gateway, asked);
        var at = reply.At.ToUnixTimeMilliseconds();
        at.ShouldBeInRange(NowMs - 10_000, NowMs + 1, "at");
        var parts = PartsOf(gateway, asked.Step.Key, asked.Plan, asked.Worst, asked.Step.Choices, at);
        var expected = _model.Reserve(asked.Id, at, parts, asked.Step.Least, asked.Step.Most, gateway == 2)!;
        CheckReply(reply, expected, parts);
        asked.Hold = reply.Outcome == StoreOutcome.Unseeded ? null : new Hold(asked.Id, _org, reply.At, reply.Counters);
        // A1 in its own words, from the reply alone.
        foreach (var counter in reply.Counters.Where(counter => counter.Counter.Tightest is not null && reply.Outcome == StoreOutcome.Held))
            (counter.Used + counter.HeldBefore + counter.Quantity).ShouldBeLessThanOrEqualTo(counter.Counter.Tightest!.MostAtOnce, "A1: used + held + growth");
        await LookAsync(reply.Outcome == StoreOutcome.Held ? Audit.Fits([.. parts.Select(part => (part.Counter.Id, part.Cap))]) : Audit.Shrinks);
    }

    private static void CheckReply(StoreReserve reply, ModelReserve expected, ModelPart[] parts)
    {
        reply.Outcome.ShouldBe(expected.Outcome, "outcome");
        if (expected.Unseeded is { } unseeded)
        {
            parts[reply.Counter].ShouldBe(unseeded, "the unseeded counter");
            return;
        }
        reply.Output.ShouldBe(expected.Output, "output");
        for (var i = 0; i < parts.Length; i++)
        {
            var (counter, line) = (reply.Counters[i], expected.Lines[i]);
            counter.Id.ShouldBe(parts[i].Counter.Id, $"the counter of {Name(counter)}");
            (counter.Used, counter.HeldBefore, counter.Quantity).ShouldBe((line.Used, line.Held, line.Quantity), $"used, held, quantity of {Name(counter)}");
        }
    }

    private static string Name(HeldCounter counter) => string.Join('+', counter.Counter.Limits.Select(limit => limit.Code)) + " on " + counter.Counter.NodeId.TrimStart('0');

    private async Task AgainAsync(int gateway, Asked asked)
    {
        if (!_model.Requests.TryGetValue(asked.Id, out var known))
        {
            // It was refused: nothing remembers it, so it is asked anew, by the limits that this gateway has.
            var anew = await NewAsync(asked.Step with { Gateway = gateway });
            _asked.Remove(anew);
            (asked.Plan, asked.Worst) = (anew.Plan, anew.Worst);
            await ReserveAsync(gateway, asked);
        }
        else if (known is { State: "held", Reserved: not null })
        {
            var reply = await AskStoreAsync(gateway, asked);
            reply.At.ShouldBe(asked.Hold!.At, "at of a repeat");
            // Windows are computed anew by the gateway, so that only what the store said is the same.
            reply.Counters.Select(counter => (counter.Used, counter.HeldBefore, counter.Quantity)).ShouldBe(known.Reserved.Lines.Select(line => (line.Used, line.Held, line.Quantity)), "a repeat's reply");
            await LookAsync(Audit.Shrinks);
        }
        else
        {
            await Should.ThrowAsync<RedisException>(() => AskStoreAsync(gateway, asked), "a reserve of an id that has ended");
            await LookAsync(Audit.Shrinks);
        }
    }

    // What ends and changes holds ---------------------------------------------------------------------------------------------------

    private static string[] IdsOf(Hold hold) => [.. hold.Counters.Select(counter => counter.Id)];

    private static decimal Amount(HeldCounter counter, int percent, int billionths) => Math.Floor(counter.Quantity * percent / 100m) + billionths / 1_000_000_000m;

    private async Task SettleAsync(Step.Settle step, Asked asked)
    {
        decimal[] amounts = [.. asked.Hold!.Counters.Select(counter => Amount(counter, step.Percent, step.Billionths))];
        await CompareAsync("settle", asked.Id, async () => (await _stores[step.Gateway].SettleAsync(_org, asked.Id, IdsOf(asked.Hold), [.. amounts.Select(ExactNanos.From)], "{}"u8.ToArray()))?.ToArray(),
            at => _model.Settle(asked.Id, at, amounts), Audit.ByOver(HardOf(asked.Id)));
    }

    /// <summary>A rate whose provisional charge has drained meanwhile counts the late truth anew: not audited (see ModelFindings).</summary>
    private HashSet<string> HardOf(Guid id) => _model.Requests.TryGetValue(id, out var request)
        ? [.. request.Parts.Where(part => part.IsHard && (part.Counter.Letter != 'r' || request.State != "reaped")).Select(part => part.Counter.Id)] : [];

    private async Task ExtendAsync(Step.Extend step, Asked asked)
    {
        if (step.IsOld)
            (asked.Hold, asked.Sequence) = (new Hold(asked.Id, _org, asked.Hold!.At, asked.Hold.Counters), 0);   // its numbers begin anew at 1
        var hold = asked.Hold!;
        var sequence = ++asked.Sequence;
        long[] goals = [.. hold.Counters.Select(counter => counter.Counter.Terms.Meter == Meters.Concurrency ? counter.Quantity : counter.Quantity * step.Percent / 100)];
        var caps = hold.Counters.Select(counter => (counter.Id, counter.Counter.Tightest?.MostAtOnce)).ToArray();
        await CompareAsync("extend", asked.Id, () => _stores[step.Gateway].ExtendAsync(hold, goals), at => _model.Extend(asked.Id, at, sequence, goals, step.Gateway == 2), Audit.Fits(caps));
    }

    private async Task ReapAsync()
    {
        bool Due() => _model.Requests.Values.Any(request => request is { State: "held", IsShort: true });
        for (var look = 0; look < 50 && (look == 0 || Due()); look++)
        {
            await Task.Delay(3);   // the deadlines of gateway 2 are over then, give or take what the two clocks round
            while (true)
            {
                // One by one: which of them goes first is told by the reply.
                var before = NowMs;
                if (await _stores[0].ReapAsync(_org, 1) is not [var id])
                    break;
                _model.Requests.TryGetValue(id, out var request).ShouldBeTrue("a request that nobody made was reaped");
                (request!.State, request.IsShort).ShouldBe(("held", true), "what was reaped");
                _reaps++;
                await FinishAsync(id, before, at => { _model.Reap(id, at); return 0; }, Audit.Shrinks);
            }
        }
        _model.Requests.Values.Count(request => request is { State: "held", IsShort: true }).ShouldBe(0, "I5: open holds whose deadline has passed");
        await LookAsync(Audit.Shrinks);
    }

    private async Task ChargeAsync(Step.Charge step)
    {
        var asked = step.Request < 0 ? null : Of(step.Request);
        var key = asked?.Step.Key ?? step.Key;
        var plan = PlanOf(step.Gateway, key);
        var now = NowMs;
        var worst = plan.Select(_ => default(WorstCase)).ToArray();
        var parts = PartsOf(step.Gateway, key, plan, worst, 1, now);
        decimal[] amounts = [.. plan.Select((_, i) => step.Units % (i + 2) + step.Billionths / 1_000_000_000m)];
        ChargedCounter[] charged = [.. plan.Select((counter, i) =>
        {
            var windows = counter.WindowsAt(now);
            return new ChargedCounter(windows.Current, counter.KindText(windows.Start), counter.IsCalendar && windows.Middle != long.MaxValue ? windows.Middle : null, ExactNanos.From(amounts[i]));
        })];
        charged.Select(counter => counter.Id).ShouldBe(parts.Select(part => part.Counter.Id), "the counters to charge");
        if (asked is null)
        {
            asked = new Asked(Some.Id(), new Step.Reserve(step.Gateway, key, 0, 0, 0, 1, 0, 0), plan, worst);
            _asked.Add(asked);
        }
        if (_model.Requests.TryGetValue(asked.Id, out var known) && known.State is "held" or "reaped")
        {
            await Should.ThrowAsync<RedisException>(() => _stores[step.Gateway].ChargeAsync(_org, asked.Id, charged, default), "a charge beside a hold");
            await LookAsync(Audit.Shrinks);
            return;
        }
        asked.Hold = new Hold(asked.Id, _org, DateTimeOffset.FromUnixTimeMilliseconds(now), [.. plan.Select((counter, i) => new HeldCounter(counter, charged[i].Id, "", default, 5, 0, 0, null))]);
        asked.Sequence = 0;
        // A rate's share of a charge is missing from `over` (see ModelFindings): not audited.
        await CompareAsync("charge", asked.Id, async () => (await _stores[step.Gateway].ChargeAsync(_org, asked.Id, charged, "{}"u8.ToArray()))?.ToArray(),
            at => _model.Charge(asked.Id, at, parts, amounts), Audit.ByOver(parts.Where(part => part.IsHard && part.Counter.Letter != 'r').Select(part => part.Counter.Id).ToHashSet()), parts);
    }

    private async Task SeedAsync(Step.Seed step)
    {
        var plan = PlanOf(step.Gateway, step.Key);
        var now = NowMs;
        var parts = PartsOf(step.Gateway, step.Key, plan, [.. plan.Select(_ => default(WorstCase))], 1, now).Where(part => part.Counter.Letter == 'c').ToArray();
        if (parts.Length == 0)
            return;
        var counter = parts[step.Counter % parts.Length].Counter;
        var (was, end) = (counter.Seed, plan.First(it => it.WindowsAt(now).Current == counter.Id).WindowsAt(now).Middle);
        var seeded = await _stores[step.Gateway].SeedAsync(_org, counter.Id, step.Units, step.Version, end == long.MaxValue ? null : end);
        seeded.ShouldBe(QuotaModel.Seed(counter, step.Units, step.Version), "whether it was seeded");
        await LookAsync(Audit.BySeed(counter.Id, counter.Seed - was));
    }

    private async Task UnknownAsync(Step.Unknown step)
    {
        var store = _stores[step.Gateway];
        string[] ids = [.. PlanOf(step.Gateway, step.Key).Select(counter => counter.WindowsAt(NowMs).Current)];
        (await store.SettleAsync(_org, Some.Id(), ids, [.. ids.Select(_ => new ExactNanos(70, 0))], default)).ShouldBeNull("settle of an unknown id");
        (await store.ReleaseAsync(_org, Some.Id(), ids)).ShouldBeTrue("release of an unknown id");
        var hold = new Hold(Some.Id(), _org, _began, [.. PlanOf(step.Gateway, step.Key).Select((counter, i) => new HeldCounter(counter, ids[i], "", default, 5, 0, 0, null))]);
        (await store.ExtendAsync(hold, [.. ids.Select(_ => 9L)])).ShouldBe(ExtendOutcome.Over, "extend of an unknown id");
        await LookAsync(Audit.Shrinks);
    }

    private async Task CompareAsync<T>(string what, Guid id, Func<Task<T>> store, Func<long, T> model, Audit audit, IReadOnlyList<ModelPart>? parts = null)
    {
        var before = NowMs;
        var reply = await store();
        var expected = await FinishAsync(id, before, model, audit, parts);
        if (reply is long[] added && expected is long[] adds)
            added.ShouldBe(adds, $"{what}: units added");
        else
            reply.ShouldBe(expected, $"{what}: reply");
    }

    /// <summary>Reads the store, finds out at what time it did the last step, lets the model do the same then, and compares.</summary>
    private async Task<T> FinishAsync<T>(Guid id, long before, Func<long, T> model, Audit audit, IReadOnlyList<ModelPart>? parts = null)
    {
        var after = NowMs;
        var observed = await ReadAsync();
        var at = after;
        var rates = (parts ?? (_model.Requests.TryGetValue(id, out var request) ? request.Parts : [])).Where(part => part.Counter.Letter == 'r').ToArray();
        if (rates.Length > 0)
        {
            var drained = rates.Where(part => observed[part.Counter.Id].DrainedAt is { } t && !(part.Counter.DrainedAt >= t)).Select(part => observed[part.Counter.Id].DrainedAt!.Value).Distinct().ToArray();
            drained.Length.ShouldBeLessThanOrEqualTo(1, "rates drained at different times");
            at = drained.Length == 1 ? drained[0] : Math.Min(before, rates.Min(part => part.Counter.DrainedAt ?? before));
            if (drained.Length == 1)
                at.ShouldBeInRange(before - 1, after + 1, "the time of the drain");
        }
        var expected = model(at);
        Compare(observed, audit);
        await CheckHoldsAsync();
        return expected;
    }

    // Comparing ---------------------------------------------------------------------------------------------------------------------

    private async Task LookAsync(Audit audit)
    {
        Compare(await ReadAsync(), audit);
        await CheckHoldsAsync();
    }

    private async Task<Dictionary<string, Observed>> ReadAsync()
    {
        var ids = _model.Counters.Keys.ToArray();
        var read = await Task.WhenAll(ids.Select(id => Database.HashGetAsync(QuotaKeys.Counter(_org, _epoch, id), ["live", "frac", "seed", "seedv", "held", "over", "t", "rem", "marks"])));
        return ids.Zip(read).ToDictionary(pair => pair.First, pair => Observed.Of(pair.Second));
    }

    private void Compare(Dictionary<string, Observed> observed, Audit audit)
    {
        foreach (var counter in _model.Counters.Values)
        {
            observed[counter.Id].ShouldBe(Observed.Of(counter), $"counter {counter.Id} ({counter.Letter})");
            // A5: a rate's level is never below what settled use alone would have left (one unit for the remainder).
            counter.Live.ShouldBeGreaterThanOrEqualTo(counter.SettledLevel - 1, $"A5: level of {counter.Id}");
        }
        foreach (var (id, now) in observed)
            audit.Check(id, _observed.GetValueOrDefault(id) ?? new Observed(0, 0, 0, null, 0, 0, null, 0, ""), now, _model.Counters[id].Letter);
        _observed = observed;
    }

    private async Task CheckHoldsAsync()
    {
        var open = (await Database.SortedSetRangeByRankAsync(QuotaKeys.Deadlines(_org, _epoch))).Select(member => Guid.ParseExact(member.ToString(), "N")).ToHashSet();
        open.ShouldBe(_model.Requests.Where(request => request.Value.State is "held" or "reaped").Select(request => request.Key), ignoreOrder: true, "I5: open holds");
        var states = await Task.WhenAll(_asked.Select(asked => Database.HashGetAsync(QuotaKeys.Hold(_org, _epoch, asked.Id), ["state", "quantities"])));
        for (var i = 0; i < states.Length; i++)
        {
            var known = _model.Requests.GetValueOrDefault(_asked[i].Id);
            ((string?)states[i][0]).ShouldBe(known?.State, $"state of request {i}");
            if (known is { State: "held" or "reaped" })
                states[i][1].ToString().ShouldBe(string.Join(' ', known.Parts.Select(part => part.Quantity)), $"quantities of request {i}");
        }
    }

    /// <summary>Every threshold once, every unit of `over` with its request, every reap.</summary>
    private async Task CheckFactsAsync()
    {
        var facts = (await Database.ListRangeAsync(QuotaKeys.Facts(_org))).Select(fact => fact.ToString().Split(' ')).ToArray();
        facts.Where(fact => fact[0] == "t").Select(fact => $"{fact[2]} {fact[4]}").ShouldBe(_model.Counters.Values.SelectMany(counter => counter.Told.Select(token => $"{counter.Id} {token}")), ignoreOrder: true, "thresholds told");
        facts.Count(fact => fact[0] == "p").ShouldBe((int)_reaps, "reaps told");
        foreach (var counter in _model.Counters.Values)
            facts.Where(fact => fact[0] == "o" && fact[2] == counter.Id).Sum(fact => long.Parse(fact[5], CultureInfo.InvariantCulture)).ShouldBe(counter.Over, "over told");
    }

    /// <summary>Nothing was written but to keys that the org's requests name; then they go.</summary>
    private async Task CheckKeysAsync()
    {
        var server = _fixture.Connection.GetServers()[0];
        var found = server.Keys(pattern: $"q:{{{_org}}}:*", pageSize: 1000).Select(key => key.ToString()).ToHashSet();
        HashSet<string> allowed = [QuotaKeys.Epoch(_org), QuotaKeys.Facts(_org), QuotaKeys.Deadlines(_org, _epoch),
            .. _asked.Select(asked => QuotaKeys.Hold(_org, _epoch, asked.Id)), .. _model.Counters.Keys.Select(id => QuotaKeys.Counter(_org, _epoch, id))];
        found.Except(allowed).ShouldBeEmpty("keys that nothing explains");
        foreach (var counter in _model.Counters.Values)
        {
            var key = QuotaKeys.Counter(_org, _epoch, counter.Id);
            if (found.Contains(key))
                (await Database.KeyTimeToLiveAsync(key) is null).ShouldBe(counter.IsForever, $"counter {counter.Id} stays for ever");
        }
        foreach (var (id, _) in _model.Requests.Where(request => request.Value.State == "held"))
            (await Database.KeyTimeToLiveAsync(QuotaKeys.Hold(_org, _epoch, id))).ShouldBeNull("an open hold does not expire");
        await Database.KeyDeleteAsync([.. found.Select(key => (RedisKey)key)]);
    }

    // All at once -------------------------------------------------------------------------------------------------------------------

    private async Task AskAsync(Step.Reserve step)
    {
        var asked = await NewAsync(step);
        var reply = await AskStoreAsync(step.Gateway, asked);
        asked.Hold = new Hold(asked.Id, _org, reply.At, reply.Counters);
        CheckCaps(reply);
        foreach (var counter in reply.Counters)
            _model.Counter(counter.Id, char.ToLowerInvariant(counter.Counter.Letter), counter.Counter.Window.Kind == LimitWindow.Lifetime);
    }

    private static void CheckCaps(StoreReserve reply)
    {
        foreach (var counter in reply.Counters)
        {
            if (reply.Outcome == StoreOutcome.Held && counter.Counter.Tightest is { } limit)
                (counter.Used + counter.HeldBefore + counter.Quantity).ShouldBeLessThanOrEqualTo(limit.MostAtOnce, $"A1: used + held + growth on {limit.Code}");
        }
    }

    private async Task WaveAsync(Step step, System.Collections.Concurrent.ConcurrentBag<(Guid, long[])> replies)
    {
        Asked? One(int request)
        {
            lock (_asked)
                return Of(request) is { Hold: not null } asked ? asked : null;
        }
        switch (step)
        {
            case Step.Reserve reserve:
                Asked asked;
                lock (_asked)
                    asked = NewAsync(reserve).Result;
                var reply = await AskStoreAsync(reserve.Gateway, asked);
                CheckCaps(reply);
                lock (_asked)
                {
                    asked.Hold = new Hold(asked.Id, _org, reply.At, reply.Counters);
                    foreach (var counter in reply.Counters)
                        _model.Counter(counter.Id, char.ToLowerInvariant(counter.Counter.Letter), counter.Counter.Window.Kind == LimitWindow.Lifetime);
                }
                break;
            case Step.Settle settle when One(settle.Request) is { } it:
                if (await _stores[settle.Gateway].SettleAsync(_org, it.Id, IdsOf(it.Hold!), [.. it.Hold!.Counters.Select(counter => ExactNanos.From(Amount(counter, settle.Percent, settle.Billionths)))], default) is { } added)
                    replies.Add((it.Id, [.. added]));
                break;
            case Step.Release release when One(release.Request) is { } it:
                await _stores[release.Gateway].ReleaseAsync(_org, it.Id, IdsOf(it.Hold!));
                break;
            case Step.Extend extend when One(extend.Request) is { } it:
                await _stores[extend.Gateway].ExtendAsync(it.Hold!, [.. it.Hold!.Counters.Select(counter => counter.Quantity * extend.Percent / 100)]);
                break;
            case Step.Reap:
                await _stores[0].ReapAsync(_org, 100);
                break;
        }
    }

    /// <summary>Sends one step and does not wait; the second part lets the model do it, given the reply. Null when there is nothing to send.</summary>
    private async Task<(Task<object?> Reply, Func<object?, object?> Expected)?> SendAsync(Step step)
    {
        async Task<object?> Boxed<T>(Task<T> reply)
        {
            try
            {
                return await reply is var it && it is IReadOnlyList<long> added ? added.ToArray() : it;
            }
            catch (RedisException)
            {
                return "broken";
            }
        }
        Hold HoldOf(Asked asked) => asked.Hold ??= new Hold(asked.Id, _org, _began, [.. asked.Plan.Select(counter => new HeldCounter(counter, counter.WindowsAt(NowMs).Current, "", default, 60, 0, 0, null))]);
        var store = _stores[0];
        switch (step)
        {
            case Step.Reserve reserve:
                var made = await NewAsync(reserve with { Gateway = 0 });
                HoldOf(made);
                return (Boxed(AskStoreAsync(0, made)), reply =>
                {
                    var at = ((StoreReserve)reply!).At.ToUnixTimeMilliseconds();
                    var parts = PartsOf(0, made.Step.Key, made.Plan, made.Worst, made.Step.Choices, at);
                    var expected = _model.Reserve(made.Id, at, parts, made.Step.Least, made.Step.Most, false)!;
                    CheckReply((StoreReserve)reply, expected, parts);
                    return expected;
                });
            case Step.Settle settle when Of(settle.Request) is { } asked:
                decimal[] amounts = [.. HoldOf(asked).Counters.Select((_, i) => (settle.Percent * (i + 1)) + (settle.Billionths / 1_000_000_000m))];
                return (Boxed(store.SettleAsync(_org, asked.Id, IdsOf(HoldOf(asked)), [.. amounts.Select(ExactNanos.From)], default)), _ => _model.Settle(asked.Id, 0, amounts));
            case Step.Release release when Of(release.Request) is { } asked:
                return (Boxed(store.ReleaseAsync(_org, asked.Id, IdsOf(HoldOf(asked)))), _ => _model.Release(asked.Id, 0));
            case Step.Extend extend when Of(extend.Request) is { } asked:
                if (extend.IsOld)
                    (asked.Hold, asked.Sequence) = (new Hold(asked.Id, _org, _began, HoldOf(asked).Counters), 0);
                var sequence = ++asked.Sequence;
                long[] goals = [.. HoldOf(asked).Counters.Select(counter => counter.Quantity * extend.Percent / 100)];
                return (Boxed(store.ExtendAsync(HoldOf(asked), goals)), _ => _model.Extend(asked.Id, 0, sequence, goals, false));
            case Step.Seed seed:
                var plan = PlanOf(0, seed.Key).Where(counter => counter.IsCalendar).ToArray();
                if (plan.Length == 0)
                    return null;
                var windows = plan[seed.Counter % plan.Length].WindowsAt(NowMs);
                var counter = _model.Counter(windows.Current, 'c', windows.Middle == long.MaxValue);
                return (Boxed(store.SeedAsync(_org, counter.Id, seed.Units, seed.Version, windows.Middle == long.MaxValue ? null : windows.Middle)), _ => QuotaModel.Seed(counter, seed.Units, seed.Version));
            default:
                return null;
        }
    }

    /// <summary>held = the sum of open holds; settled use = what settles said they added, and what is charged provisionally.</summary>
    private async Task CheckSumsAsync(IEnumerable<(Guid Id, long[] Added)> replies)
    {
        Dictionary<string, (long Held, long Live)> sums = [];
        var said = replies.GroupBy(reply => reply.Id).ToDictionary(group => group.Key, group => group.Select(reply => string.Join(' ', reply.Added)).Distinct().ToArray());
        foreach (var asked in _asked.Where(asked => asked.Hold is not null))
        {
            if (await _stores[0].ReadHoldAsync(_org, asked.Id) is not { } hold)
                continue;
            if (hold.State == "settled")
                said[asked.Id].Length.ShouldBe(1, "settles of one request that answered differently");
            var added = hold.State == "settled" ? said[asked.Id][0].Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(text => long.Parse(text, CultureInfo.InvariantCulture)).ToArray() : null;
            for (var i = 0; i < hold.Counters.Count; i++)
            {
                var (held, live) = sums.GetValueOrDefault(hold.Counters[i]);
                sums[hold.Counters[i]] = hold.State switch
                {
                    "held" => (held + hold.Quantities[i], live),
                    "reaped" => (held, live + hold.Quantities[i]),
                    "settled" => (held, live + added![i]),
                    _ => (held, live),
                };
            }
        }
        foreach (var (id, counter) in await ReadAsync())
        {
            var (held, live) = sums.GetValueOrDefault(id);
            counter.Held.ShouldBe(held, $"held of {id}");
            if (_model.Counters[id].Letter == 'c')
                counter.Live.ShouldBe(live, $"live of {id}");
        }
    }

    /// <summary>A request that asked once.</summary>
    private sealed class Asked(Guid id, Step.Reserve step, IReadOnlyList<LimitCounter> plan, WorstCase[] worst)
    {
        public Guid Id => id;

        public Step.Reserve Step => step;

        public IReadOnlyList<LimitCounter> Plan { get; set; } = plan;

        public WorstCase[] Worst { get; set; } = worst;

        /// <summary>As its gateway has it, refused or not; null before the first answer.</summary>
        public Hold? Hold { get; set; }

        public long Sequence { get; set; }
    }

    private sealed class SkewedTime(TimeSpan by) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => System.GetUtcNow() + by;
    }
}

internal sealed class ModelDiffersException(string message, Exception inner) : Exception(message, inner);

/// <summary>A counter's fields, as stored or as they should be.</summary>
internal sealed record Observed(long Live, long Fraction, long Seed, long? SeedVersion, long Held, long Over, long? DrainedAt, long Remainder, string Told)
{
    public static Observed Of(RedisValue[] values) => new((long)values[0], (long)values[1], (long)values[2], (long?)values[3], (long)values[4], (long)values[5], (long?)values[6], (long)values[7],
        string.Join(' ', values[8].ToString().Split(' ', StringSplitOptions.RemoveEmptyEntries).Order(StringComparer.Ordinal)));

    public static Observed Of(ModelCounter counter) => new((long)decimal.Floor(counter.Live), (long)((counter.Live - decimal.Floor(counter.Live)) * 1_000_000_000), counter.Seed, counter.SeedVersion, counter.Held,
        counter.Over, counter.DrainedAt, counter.Remainder, string.Join(' ', counter.Told.Order(StringComparer.Ordinal)));
}

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
