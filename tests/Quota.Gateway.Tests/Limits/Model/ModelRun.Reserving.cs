using System.Globalization;
using System.Text;
using Quota.Gateway.Limits;
using Quota.Gateway.Limits.Store;
using Quota.Shared.ControlPlane;
using StackExchange.Redis;

namespace Quota.Gateway.Tests.Limits.Model;

/// <summary>Reserves: the same request put to the store and to the model.</summary>
internal sealed partial class ModelRun
{
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
}
