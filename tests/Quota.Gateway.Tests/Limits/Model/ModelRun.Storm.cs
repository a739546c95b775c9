using System.Collections.Concurrent;
using System.Globalization;
using Quota.Gateway.Limits;
using Quota.Gateway.Limits.Store;
using Quota.Shared.Amounts;
using Quota.Shared.ControlPlane;

namespace Quota.Gateway.Tests.Limits.Model;

/// <summary>Steps that are all in flight at once.</summary>
internal sealed partial class ModelRun
{
    /// <summary>All steps in flight at once, in thirds after the first third; then what must hold in any order.</summary>
    public async Task StormAsync()
    {
        _epoch = await _stores[0].Epoch(_org).OpenAsync();
        var first = _scenario.Steps.OfType<Step.Reserve>().Take(8).ToArray();
        foreach (var step in first)
            await AskAsync(step);
        var replies = new ConcurrentBag<(Guid Id, long[] Added)>();
        foreach (var wave in _scenario.Steps.Chunk(Math.Max(1, _scenario.Steps.Count / 2)))
            await Task.WhenAll(wave.Select(step => Task.Run(() => WaveAsync(step, replies))));
        await CheckSumsAsync(replies);
        await CheckKeysAsync();
    }

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

    private async Task WaveAsync(Step step, ConcurrentBag<(Guid, long[])> replies)
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
}
