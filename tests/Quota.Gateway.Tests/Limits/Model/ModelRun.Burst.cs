using Quota.Gateway.Limits;
using Quota.Gateway.Limits.Store;
using Quota.Shared.Amounts;
using StackExchange.Redis;

namespace Quota.Gateway.Tests.Limits.Model;

/// <summary>Steps that one gateway sends without waiting, so that they share calls.</summary>
internal sealed partial class ModelRun
{
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
}
