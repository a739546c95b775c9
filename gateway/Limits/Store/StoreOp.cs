namespace Quota.Gateway.Limits.Store;

/// <summary>
/// One thing asked of an org's counters, decided by itself inside the script. The task gets the script's reply to it; it fails with
/// <see cref="StoreClosedException"/> when certainly nothing was done, and with anything else when that is unknown.
/// </summary>
internal abstract class StoreOp : TaskCompletionSource<string>
{
    /// <summary>The epoch in which it was done.</summary>
    public string? Epoch { get; set; }

    /// <summary>Writes name and arguments, as the file of the op in <c>Scripts/</c> lists them.</summary>
    public abstract void Write(BatchWriter batch);
}

/// <summary>The counters cannot be asked now, or not be believed; certainly nothing was done.</summary>
internal sealed class StoreClosedException(string reason) : Exception(reason);

/// <summary>Holds the worst case on every counter.</summary>
internal sealed class ReserveOp(Guid requestId, IReadOnlyList<LimitCounter> counters, CounterPair[] windows, WorstCase[] worst, long least, long most, long choices, long notAfter) : StoreOp
{
    public override void Write(BatchWriter batch)
    {
        batch.Add("reserve", BatchWriter.Id(requestId), batch.HoldKey(requestId), notAfter, least, most, counters.Count);
        for (var i = 0; i < counters.Count; i++)
            batch.Add(batch.Spec(counters[i], windows[i]));
        for (var i = 0; i < counters.Count; i++)
        {
            var (fixedWhole, fixedBillionths) = BatchWriter.Parts(worst[i].Fixed);
            var (tokenWhole, tokenBillionths) = BatchWriter.Parts(worst[i].PerOutputToken * choices);
            batch.Add(fixedWhole, fixedBillionths, tokenWhole, tokenBillionths);
        }
    }
}

/// <summary>Replaces a hold by what was used.</summary>
internal sealed class SettleOp(Guid requestId, IReadOnlyList<string> counterIds, IReadOnlyList<Quota.Shared.Amounts.ExactNanos> amounts, ReadOnlyMemory<byte> receipt) : StoreOp
{
    public override void Write(BatchWriter batch)
    {
        batch.AddHold("settle", requestId, counterIds);
        batch.Add(receipt);
        foreach (var amount in amounts)
            batch.Add(amount.Whole, amount.Fraction);
    }
}

/// <summary>Gives a hold back.</summary>
internal sealed class ReleaseOp(Guid requestId, IReadOnlyList<string> counterIds) : StoreOp
{
    public override void Write(BatchWriter batch) => batch.AddHold("release", requestId, counterIds);
}

/// <summary>Renews a hold's deadline and grows it to these whole quantities, if they fit.</summary>
internal sealed class ExtendOp(Hold hold, IReadOnlyList<long> quantities) : StoreOp
{
    private readonly long _sequence = hold.NextSequence();

    public override void Write(BatchWriter batch)
    {
        batch.AddHold("extend", hold.RequestId, hold.Counters.Select(counter => counter.Id).ToArray());
        batch.Add(_sequence);
        for (var i = 0; i < quantities.Count; i++)
        {
            if (hold.Counters[i].Counter.Tightest is { } tightest)
                batch.Add(tightest.MostAtOnce, quantities[i]);
            else
                batch.Add(StackExchange.Redis.RedisValue.EmptyString, quantities[i]);
        }
    }
}

/// <summary>Charges a hold whose deadline has passed.</summary>
internal sealed class ReapOp(Guid requestId, IReadOnlyList<string> counterIds) : StoreOp
{
    public override void Write(BatchWriter batch) => batch.AddHold("reap", requestId, counterIds);
}

/// <summary>Counts a call that was admitted while the store was away.</summary>
internal sealed class ChargeOp(Guid requestId, IReadOnlyList<ChargedCounter> counters, ReadOnlyMemory<byte> receipt) : StoreOp
{
    public override void Write(BatchWriter batch)
    {
        batch.AddHold("charge", requestId, counters.Select(counter => counter.Id).ToArray());
        batch.Add(receipt);
        foreach (var counter in counters)
            batch.Add(counter.Kind, batch.Expiry(counter.EndsAtMs), counter.Amount.Whole, counter.Amount.Fraction);
    }
}

/// <summary>A counter to charge, with the kind as holds store it.</summary>
internal sealed record ChargedCounter(string Id, string Kind, long? EndsAtMs, Quota.Shared.Amounts.ExactNanos Amount);

/// <summary>Writes what was used elsewhere, if the version is greater.</summary>
internal sealed class SeedOp(string counterId, long units, long version, long? endsAtMs) : StoreOp
{
    public override void Write(BatchWriter batch) => batch.Add("seed", batch.CounterKey(counterId), units, version, batch.Expiry(endsAtMs));
}

/// <summary>In a new epoch: a counter's settled use.</summary>
internal sealed class CounterOp(string counterId, Quota.Shared.Amounts.ExactNanos used, long? endsAtMs) : StoreOp
{
    public override void Write(BatchWriter batch) => batch.Add("counter", batch.CounterKey(counterId), used.Whole, used.Fraction, batch.Expiry(endsAtMs));
}

/// <summary>In a new epoch: a rate begins full.</summary>
internal sealed class FullOp(string counterId, long burst, long rememberedMs) : StoreOp
{
    public override void Write(BatchWriter batch) => batch.Add("full", batch.CounterKey(counterId), burst, rememberedMs);
}

/// <summary>In a new epoch: a live request's hold, whatever the counters say.</summary>
internal sealed class HoldOp(Hold hold, IReadOnlyList<long> quantities) : StoreOp
{
    public override void Write(BatchWriter batch)
    {
        batch.AddHold("hold", hold.RequestId, hold.Counters.Select(counter => counter.Id).ToArray());
        batch.Add(hold.At.ToUnixTimeMilliseconds());
        for (var i = 0; i < quantities.Count; i++)
            batch.Add(hold.Counters[i].Kind, quantities[i], batch.Expiry(hold.Counters[i].EndsAtMs));
    }
}
