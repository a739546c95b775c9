using Quota.Gateway.Spool;
using Quota.Shared.Amounts;

namespace Quota.Gateway.Limits.Store;

/// <summary>
/// One thing asked of an org's counters, decided by itself inside the script. The task gets the script's reply to it (see <see cref="ReplyReader"/>); it fails with
/// <see cref="StoreClosedException"/> when certainly nothing was done, and with anything else when that is unknown.
/// </summary>
internal abstract class StoreOp : TaskCompletionSource<byte[]>
{
    /// <summary>The epoch in which it was done.</summary>
    public string? Epoch { get; set; }

    /// <summary>Whether it may wait for company: it goes with the next call that somebody waits for, or alone after a moment.</summary>
    public bool CanWait { get; init; }

    /// <summary>Writes name, numbers and texts, as the file of the op in <c>Scripts/</c> lists them.</summary>
    public abstract void Write(BatchWriter batch);
}

/// <summary>The counters cannot be asked now, or not be believed; certainly nothing was done.</summary>
internal sealed class StoreClosedException(string reason) : Exception(reason);

/// <summary>Holds the worst case on every counter.</summary>
internal sealed class ReserveOp(Guid requestId, IReadOnlyList<LimitCounter> counters, CounterPair[] windows, WorstCase[] worst, long least, long most, long choices, long notAfter, CallNote? call) : StoreOp
{
    public override void Write(BatchWriter batch)
    {
        batch.Begin("reserve");
        batch.Text(BatchWriter.Id(requestId));
        batch.Number(batch.HoldKey(requestId));
        batch.Number(notAfter);
        batch.Number(least);
        batch.Number(most);
        batch.Number(batch.List(counters, windows));
        foreach (var line in worst)
        {
            batch.Amount(line.Fixed);
            batch.Amount(line.PerOutputToken * choices);
        }
        batch.Note(call);
    }
}

/// <summary>Replaces a hold by what was used.</summary>
internal sealed class SettleOp(Guid requestId, IReadOnlyList<string> counterIds, IReadOnlyList<ExactNanos> amounts, ReadOnlyMemory<byte> receipt) : StoreOp
{
    public override void Write(BatchWriter batch)
    {
        batch.BeginHold("settle", requestId, counterIds);
        batch.Text(receipt);
        foreach (var amount in amounts)
            batch.Amount(amount);
    }
}

/// <summary>Gives a hold back.</summary>
internal sealed class ReleaseOp(Guid requestId, IReadOnlyList<string> counterIds) : StoreOp
{
    public override void Write(BatchWriter batch) => batch.BeginHold("release", requestId, counterIds);
}

/// <summary>Renews a hold's deadline and grows it to these whole quantities, if they fit.</summary>
internal sealed class ExtendOp(Hold hold, IReadOnlyList<long> quantities) : StoreOp
{
    private readonly long _sequence = hold.NextSequence();

    public override void Write(BatchWriter batch)
    {
        batch.BeginHold("extend", hold.RequestId, hold.CounterIds);
        batch.Number(_sequence);
        for (var i = 0; i < quantities.Count; i++)
        {
            batch.Number(hold.Counters[i].Counter.Tightest is { } tightest ? tightest.MostAtOnce : double.PositiveInfinity);
            batch.Number(quantities[i]);
        }
    }
}

/// <summary>Charges a hold whose deadline has passed.</summary>
internal sealed class ReapOp(Guid requestId, IReadOnlyList<string> counterIds) : StoreOp
{
    public override void Write(BatchWriter batch) => batch.BeginHold("reap", requestId, counterIds);
}

/// <summary>Counts a call that was admitted while the store was away.</summary>
internal sealed class ChargeOp(Guid requestId, IReadOnlyList<ChargedCounter> counters, ReadOnlyMemory<byte> receipt) : StoreOp
{
    public override void Write(BatchWriter batch)
    {
        batch.BeginHold("charge", requestId, [.. counters.Select(counter => counter.Id)]);
        batch.Text(receipt);
        batch.Text(string.Join(' ', counters.Select(counter => counter.Kind)));
        foreach (var counter in counters)
        {
            batch.Number(batch.Expiry(counter.EndsAtMs));
            batch.Amount(counter.Amount);
        }
    }
}

/// <summary>A counter to charge, with the kind as holds store it.</summary>
internal sealed record ChargedCounter(string Id, string Kind, long? EndsAtMs, ExactNanos Amount);

/// <summary>Writes what was used elsewhere, if the version is greater.</summary>
internal sealed class SeedOp(string counterId, long units, long version, long? endsAtMs) : StoreOp
{
    public override void Write(BatchWriter batch)
    {
        batch.Begin("seed");
        batch.Number(batch.CounterKey(counterId));
        batch.Number(units);
        batch.Number(version);
        batch.Number(batch.Expiry(endsAtMs));
    }
}

/// <summary>In a new epoch that several gateways fill: what follows in this call is this gateway's part of that number, unless it is there.</summary>
internal sealed class PartOp(int number) : StoreOp
{
    public override void Write(BatchWriter batch)
    {
        batch.Begin("part");
        batch.Number(number);
        batch.Number(batch.GatheringKey());
    }
}

/// <summary>In a new epoch: adds settled use to a counter.</summary>
internal sealed class CounterOp(string counterId, ExactNanos used, long? endsAtMs) : StoreOp
{
    public override void Write(BatchWriter batch)
    {
        batch.Begin("counter");
        batch.Number(batch.CounterKey(counterId));
        batch.Amount(used);
        batch.Number(batch.Expiry(endsAtMs));
    }
}

/// <summary>In a new epoch: a rate begins full.</summary>
internal sealed class FullOp(string counterId, long burst, long rememberedMs) : StoreOp
{
    public override void Write(BatchWriter batch)
    {
        batch.Begin("full");
        batch.Number(batch.CounterKey(counterId));
        batch.Number(burst);
        batch.Number(rememberedMs);
    }
}

/// <summary>In a new epoch: a live request's hold, whatever the counters say.</summary>
internal sealed class HoldOp(Hold hold, IReadOnlyList<long> quantities) : StoreOp
{
    public override void Write(BatchWriter batch)
    {
        batch.BeginHold("hold", hold.RequestId, hold.CounterIds);
        batch.Text(string.Join(' ', hold.Counters.Select(counter => counter.Kind)));
        batch.Number(hold.At.ToUnixTimeMilliseconds());
        for (var i = 0; i < quantities.Count; i++)
        {
            batch.Number(quantities[i]);
            batch.Number(batch.Expiry(hold.Counters[i].EndsAtMs));
        }
        batch.Note(hold.Call);
    }
}
