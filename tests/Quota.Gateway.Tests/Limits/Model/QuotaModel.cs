using Quota.Gateway.Limits.Store;

namespace Quota.Gateway.Tests.Limits.Model;

/// <summary>
/// What the store must do, told a second time: a request's states (protocols A2), the cap (A1), rates (A5), concurrency (A6), seeds (A7),
/// thresholds (A11). Plain sums, one thing at a time; every method takes the time at which the store did it.
/// </summary>
internal sealed class QuotaModel
{
    public Dictionary<string, ModelCounter> Counters { get; } = [];

    public Dictionary<Guid, ModelRequest> Requests { get; } = [];

    public ModelCounter Counter(string id, char letter, bool isForever)
    {
        if (!Counters.TryGetValue(id, out var counter))
            Counters[id] = counter = new ModelCounter(id, letter, isForever);
        return counter;
    }

    /// <summary>Null: nothing was decided, because this id has already ended.</summary>
    public ModelReserve? Reserve(Guid id, long at, IReadOnlyList<ModelPart> parts, long least, long most, bool isShort)
    {
        if (Requests.TryGetValue(id, out var known))
            return known.State == "held" ? known.Reserved : null;
        if (parts.FirstOrDefault(part => part.NeedsSeed && part.Counter.SeedVersion is null) is { } unseeded)
            return new ModelReserve(StoreOutcome.Unseeded, 0, []) { Unseeded = unseeded };

        // The output: what was wanted, cut to what each counter that may cut has room for.
        var output = most;
        foreach (var part in parts.Where(part => part is { MayClamp: true, Cap: not null, PerToken: > 0 }))
        {
            var room = part.Cap!.Value - part.UsedAt(at) - part.Counter.Held;
            output = Math.Min(output, (long)Math.Max(0, Math.Min(most, decimal.Floor((room - part.Fixed) / part.PerToken))));
        }
        var fits = output >= least;
        if (!fits)
            output = least;
        var lines = parts.Select(part => new ModelLine(part.UsedAt(at), part.Counter.Held, (long)decimal.Ceiling(part.Fixed + part.PerToken * output))).ToArray();
        foreach (var (part, line) in parts.Zip(lines))
        {
            fits &= part.Cap is not { } cap || line.Used + line.Held + line.Quantity <= cap;
            part.Counter.Cross(line.Used, part.Levels);
        }
        var reply = new ModelReserve(fits ? StoreOutcome.Held : StoreOutcome.Refused, output, lines);
        if (!fits)
            return reply;
        foreach (var (part, line) in parts.Zip(lines))
        {
            part.Quantity = line.Quantity;
            if (part.Counter.Letter == 'r')
                part.Counter.Speed = (part.RateAmount, part.PeriodMs);
            part.DrainTo(at);
            part.Counter.Held += line.Quantity;
        }
        Requests[id] = new ModelRequest(parts) { Reserved = reply, IsShort = isShort };
        return reply;
    }

    /// <summary>The whole units added to each counter; null: there is nothing to settle.</summary>
    public long[]? Settle(Guid id, long at, decimal[] amounts)
    {
        if (!Requests.TryGetValue(id, out var request) || request.State == "released")
            return null;
        if (request.State == "settled")
            return request.Added;
        var wasReaped = request.State == "reaped";
        if (!wasReaped)
            GiveBack(request, at);
        var added = new long[amounts.Length];
        for (var i = 0; i < added.Length; i++)
        {
            var part = request.Parts[i];
            if (wasReaped && part.Counter.Letter == 'r')
                added[i] = Correct(part, request.ReapedAt, at, (long)decimal.Ceiling(amounts[i]));
            else
            {
                if (wasReaped)
                    GiveBack(request, part, at);
                added[i] = part.Counter.Add(amounts[i]);
                part.Counter.SettledLevel += added[i];
            }
            if (part.IsHard && part.Counter.Letter != 'n')
                part.Counter.Over += Math.Max(0, (long)decimal.Ceiling(amounts[i]) - part.Quantity);
            if (part.Counter.Letter == 'c')
                part.Counter.Cross(part.Counter.Used, part.Levels);
        }
        (request.State, request.Added) = ("settled", added);
        return added;
    }

    /// <summary>True when nothing of it is left.</summary>
    public bool Release(Guid id, long at)
    {
        if (!Requests.TryGetValue(id, out var request) || request.State == "released")
            return true;
        if (request.State == "settled")
            return false;
        GiveBack(request, at);
        request.State = "released";
        return true;
    }

    public ExtendOutcome Extend(Guid id, long at, long sequence, long[] goals, bool isShort)
    {
        if (!Requests.TryGetValue(id, out var request) || request.State is "settled" or "released")
            return ExtendOutcome.Over;
        var wanted = request.Parts.Select((part, i) => sequence > request.Sequence ? Math.Max(goals[i], part.Quantity) : part.Quantity).ToArray();
        var fits = true;
        for (var i = 0; i < wanted.Length; i++)
        {
            var part = request.Parts[i];
            var held = request.State == "held";
            var growth = held ? wanted[i] - part.Quantity : wanted[i];
            // A reaped hold is charged provisionally: that charge makes room for itself.
            part.DrainTo(at);
            var used = held ? part.UsedAt(at) : Math.Max(0, part.UsedAt(at) - part.LeftOfCharge(request.ReapedAt, at));
            fits &= part.Cap is not { } cap || growth == 0 || used + part.Counter.Held + growth <= cap;
            fits &= sequence > request.Sequence || goals[i] <= part.Quantity;   // overtaken
        }
        if (!fits && request.State == "reaped")
            return ExtendOutcome.Reaped;
        if (fits && (request.State == "reaped" || wanted.Where((goal, i) => goal > request.Parts[i].Quantity).Any()))
        {
            GiveBack(request, at);
            for (var i = 0; i < wanted.Length; i++)
            {
                request.Parts[i].Quantity = wanted[i];
                request.Parts[i].Counter.Held += wanted[i];
            }
            request.Sequence = Math.Max(request.Sequence, sequence);
        }
        (request.State, request.IsShort) = ("held", isShort);
        return fits ? ExtendOutcome.Held : ExtendOutcome.Full;
    }

    public void Reap(Guid id, long at)
    {
        var request = Requests[id];
        GiveBack(request, at);
        foreach (var part in request.Parts)
        {
            if (part.Counter.Letter != 'n')
            {
                part.Counter.Add(part.Quantity);
                part.Counter.SettledLevel += part.Quantity;   // provisionally used, from now on
            }
            if (part.Counter.Letter == 'c')
                part.Counter.Cross(part.Counter.Used, part.Levels);
        }
        (request.State, request.ReapedAt) = ("reaped", at);
    }

    /// <summary>Null: a hold is there, which must go first.</summary>
    public long[]? Charge(Guid id, long at, IReadOnlyList<ModelPart> parts, decimal[] amounts)
    {
        if (Requests.TryGetValue(id, out var request) && request.State != "released")
            return request.State == "settled" ? request.Added : null;
        var added = new long[amounts.Length];
        for (var i = 0; i < added.Length; i++)
        {
            parts[i].DrainTo(at);
            added[i] = parts[i].Counter.Add(amounts[i]);
            parts[i].Counter.SettledLevel += added[i];
            if (parts[i].IsHard && parts[i].Counter.Letter != 'n')
                parts[i].Counter.Over += (long)decimal.Ceiling(amounts[i]);
        }
        Requests[id] = new ModelRequest(parts) { State = "settled", Added = added };
        return added;
    }

    public static bool Seed(ModelCounter counter, long units, long version)
    {
        if (counter.SeedVersion >= version)
            return false;
        (counter.Seed, counter.SeedVersion) = (units, version);
        return true;
    }

    private static void GiveBack(ModelRequest request, long at)
    {
        foreach (var part in request.Parts)
            GiveBack(request, part, at);
    }

    private static void GiveBack(ModelRequest request, ModelPart part, long at)
    {
        part.DrainTo(at);
        if (request.State == "held")
        {
            part.Counter.Held -= part.Quantity;
            return;
        }
        var left = part.LeftOfCharge(request.ReapedAt, at);
        part.Counter.Live = Math.Max(0, part.Counter.Live - left);
        part.Counter.SettledLevel = Math.Max(0, part.Counter.SettledLevel - left);
    }

    /// <summary>A reaped hold on a rate ends: its use stands since the reap, only the difference to it changes.</summary>
    private static long Correct(ModelPart part, long reapedAt, long at, long used)
    {
        part.DrainTo(at);
        var change = used > part.Quantity ? used - part.Quantity : -Math.Min(part.Quantity - used, part.LeftOfCharge(reapedAt, at));
        part.Counter.Live = Math.Max(0, part.Counter.Live + change);
        part.Counter.SettledLevel = Math.Max(0, part.Counter.SettledLevel + change);
        return used;
    }
}
