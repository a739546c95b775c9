using Quota.Gateway.Limits.Store;
using System.Globalization;
using Quota.Gateway.Limits;
using StackExchange.Redis;

namespace Quota.Gateway.Tests.Limits.Model;

/// <summary>Everything the store has against everything the model has.</summary>
internal sealed partial class ModelRun
{
    /// <summary>Does a step on the store, finds out at what time it was done, lets the model do the same then, and compares.</summary>
    private async Task CompareAsync<T>(string what, Guid id, Func<Task<T>> store, Func<long, T> model, Audit audit, IReadOnlyList<ModelPart>? parts = null)
    {
        var before = NowMs;
        var reply = await store();
        var after = NowMs;
        var observed = await ReadAsync();
        var request = _model.Requests.GetValueOrDefault(id);
        var expected = DoneAt(InstantsOf(request, parts ?? request?.Parts ?? [], observed, before, after), request, observed, model);
        Compare(observed, audit);
        await CheckHoldsAsync();
        if (reply is long[] added && expected is long[] adds)
            added.ShouldBe(adds, $"{what}: units added");
        else
            reply.ShouldBe(expected, $"{what}: reply");
    }

    /// <summary>
    /// When the store may have done a step. A rate that drained in it says so to the millisecond. Where the clock went back nothing drains;
    /// only for a reaped request does it matter then when that was, and every instant is possible.
    /// </summary>
    private static long[] InstantsOf(ModelRequest? request, IReadOnlyList<ModelPart> parts, Dictionary<string, Observed> observed, long before, long after)
    {
        var rates = parts.Where(part => part.Counter.Letter == 'r').ToArray();
        var drained = rates.Where(part => observed[part.Counter.Id].DrainedAt is { } t && !(part.Counter.DrainedAt >= t)).Select(part => observed[part.Counter.Id].DrainedAt!.Value).Distinct().ToArray();
        drained.Length.ShouldBeLessThanOrEqualTo(1, "rates drained at different times");
        if (drained is [var at])
        {
            at.ShouldBeInRange(before - 1, after + 1, "the time of the drain");
            return [at];
        }
        return rates.Length > 0 && request is { State: "reaped" } ? [.. Enumerable.Sequence(before - 1, after + 1, 1)] : [rates.Select(part => part.Counter.DrainedAt ?? before).Append(before).Min()];
    }

    /// <summary>Lets the model do a step at the first of these instants that makes its counters what the store's are, or else at the first of all.</summary>
    private static T DoneAt<T>(long[] instants, ModelRequest? request, Dictionary<string, Observed> observed, Func<long, T> model)
    {
        foreach (var at in instants.Length > 1 ? instants : [])
        {
            var putBack = request!.Remember();
            var answer = model(at);
            if (request.Parts.All(part => Observed.Of(part.Counter) == observed[part.Counter.Id]))
                return answer;
            putBack();
        }
        return model(instants[0]);
    }

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
                new ReplyReader((byte[])states[i][1]!).AllPacked().ShouldBe(known.Parts.Select(part => part.Quantity), $"quantities of request {i}");
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
}
