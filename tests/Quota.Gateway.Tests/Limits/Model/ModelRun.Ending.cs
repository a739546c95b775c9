using Quota.Gateway.Limits;
using Quota.Gateway.Limits.Store;
using Quota.Shared.Amounts;
using Quota.Shared.ControlPlane;
using StackExchange.Redis;

namespace Quota.Gateway.Tests.Limits.Model;

/// <summary>What ends and changes holds, and what counters get without one.</summary>
internal sealed partial class ModelRun
{
    private static string[] IdsOf(Hold hold) => [.. hold.Counters.Select(counter => counter.Id)];

    private static decimal Amount(HeldCounter counter, int percent, int billionths) => Math.Floor(counter.Quantity * percent / 100m) + billionths / 1_000_000_000m;

    private async Task SettleAsync(Step.Settle step, Asked asked)
    {
        decimal[] amounts = [.. asked.Hold!.Counters.Select(counter => Amount(counter, step.Percent, step.Billionths))];
        await CompareAsync("settle", asked.Id, async () => (await _stores[step.Gateway].SettleAsync(_org, asked.Id, IdsOf(asked.Hold), [.. amounts.Select(ExactNanos.From)], "{}"u8.ToArray()))?.ToArray(),
            at => _model.Settle(asked.Id, at, amounts), Audit.ByOver(HardOf(asked.Id)));
    }

    private HashSet<string> HardOf(Guid id) => _model.Requests.TryGetValue(id, out var request)
        ? [.. request.Parts.Where(part => part.IsHard).Select(part => part.Counter.Id)] : [];

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
                var at = (long)await Database.HashGetAsync(QuotaKeys.Hold(_org, _epoch, id), "reaped");
                at.ShouldBeInRange(before - 1, NowMs + 1, "the time of the reap");
                _model.Reap(id, at);
                await LookAsync(Audit.Shrinks);
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
        await CompareAsync("charge", asked.Id, async () => (await _stores[step.Gateway].ChargeAsync(_org, asked.Id, charged, "{}"u8.ToArray()))?.ToArray(),
            at => _model.Charge(asked.Id, at, parts, amounts), Audit.ByOver(parts.Where(part => part.IsHard).Select(part => part.Counter.Id).ToHashSet()), parts);
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
}
