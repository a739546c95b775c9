using System.Text.Json;
using System.Text.Json.Serialization;
using Quota.Gateway.Spool;
using Quota.Shared.Amounts;

namespace Quota.Gateway.Limits;

/// <summary>
/// How much this gateway has admitted while the store was away, per counter. A hard limit lets <c>Limits__Grace</c> of its amount pass,
/// divided by the number of gateways, once per window, however many outages there are: what is written here is written before the call
/// goes out and never refilled, only corrected to what the call used.
/// </summary>
internal sealed class GraceBook(string? path, LimitsOptions options, GatewayClock clock)
{
    /// <summary>Counters beyond this number get no grace.</summary>
    private const int MostCounters = 10_000;

    private readonly Lock _gate = new();
    private readonly Dictionary<string, GraceEntry> _used = Read(path);

    /// <summary>Debits the hold on every hard limit, all or none. A failing disk admits nothing.</summary>
    public bool TryAdmit(Hold hold)
    {
        lock (_gate)
        {
            foreach (var counter in hold.Counters)
            {
                if (counter.Counter.IsHard && UsedOf(counter.Id) + counter.Quantity > GraceOf(counter.Counter))
                    return false;
            }
            if (_used.Count + hold.Counters.Count > MostCounters)
                Prune();
            if (_used.Count + hold.Counters.Count > MostCounters)
                return false;
            Add(hold, counter => counter.Quantity);
            try
            {
                Save();
                return true;
            }
            catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
            {
                Add(hold, counter => -counter.Quantity);
                return false;
            }
        }
    }

    /// <summary>The call has ended: what it did not use of its hold is free again. <paramref name="used"/> null: it was never sent.</summary>
    public void Ended(Hold hold, IReadOnlyList<ExactNanos>? used)
    {
        if (options.OnRedisDown != StoreDownPolicy.Grace)
            return;
        lock (_gate)
        {
            var i = 0;
            Add(hold, counter => (used is null ? 0 : used[i++].Ceiling) - counter.Quantity);
        }
        // Saved with the next admission; until then the file says more than was used, which errs on the safe side.
    }

    private long UsedOf(string counterId) => _used.TryGetValue(counterId, out var entry) && !HasEnded(entry) ? entry.Used : 0;

    private bool HasEnded(GraceEntry? entry) => entry?.EndsAtMs < clock.GetUtcNow().ToUnixTimeMilliseconds();

    /// <summary>At least one unit where grace is wanted at all, so that a small rate lets somebody through.</summary>
    private long GraceOf(LimitCounter counter) => (long)decimal.Ceiling(counter.Tightest!.MostAtOnce * options.Grace / options.GraceGateways);

    /// <summary>A rate's grace comes again when a whole burst would have drained; a budget's with its window; a lifetime's never.</summary>
    private long? EndOf(HeldCounter counter, GraceEntry? entry)
    {
        if (!counter.Counter.Window.IsRate)
            return counter.EndsAtMs;
        var limit = counter.Counter.Speaker;
        return entry is not null && !HasEnded(entry) ? entry.EndsAtMs
            : clock.GetUtcNow().ToUnixTimeMilliseconds() + new RateSpeed(limit.Amount, counter.Counter.Window.PeriodMs, limit.MostAtOnce).RememberedMs;
    }

    private void Add(Hold hold, Func<HeldCounter, long> amount)
    {
        foreach (var counter in hold.Counters)
        {
            var units = amount(counter);
            if (counter.Counter.IsHard && _used.GetValueOrDefault(counter.Id) is var entry)
                _used[counter.Id] = new GraceEntry(Math.Max(0, UsedOf(counter.Id) + units), EndOf(counter, entry), counter.Counter.Window.IsNone);
        }
    }

    private void Prune()
    {
        foreach (var (id, _) in _used.Where(pair => HasEnded(pair.Value)).ToArray())
            _used.Remove(id);
    }

    private void Save()
    {
        if (path is not null)
            OwnerFile.Replace(path, JsonSerializer.SerializeToUtf8Bytes(_used, GraceJson.Default.DictionaryStringGraceEntry));
    }

    /// <summary>Calls that ran at once when the file was written run no more.</summary>
    private static Dictionary<string, GraceEntry> Read(string? path) => path is not null && File.Exists(path)
        ? (JsonSerializer.Deserialize(File.ReadAllBytes(path), GraceJson.Default.DictionaryStringGraceEntry) ?? []).Where(pair => !pair.Value.IsAtOnce).ToDictionary() : [];
}

internal sealed record GraceEntry(long Used, long? EndsAtMs, bool IsAtOnce);

[JsonSerializable(typeof(Dictionary<string, GraceEntry>))]
internal sealed partial class GraceJson : JsonSerializerContext;
