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
                // What has no window that ends would give its grace again and again: it gives none twice, so it is kept by the counter's id for good.
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

    private long UsedOf(string counterId) => _used.TryGetValue(counterId, out var entry) ? entry.Used : 0;

    private long GraceOf(LimitCounter counter) => (long)(counter.Tightest!.MostAtOnce * options.Grace / options.GraceGateways);

    private void Add(Hold hold, Func<HeldCounter, long> amount)
    {
        foreach (var counter in hold.Counters)
        {
            var units = amount(counter);
            if (counter.Counter.IsHard && _used.GetValueOrDefault(counter.Id) is var entry)
                _used[counter.Id] = new GraceEntry((entry?.Used ?? 0) + units, counter.EndsAtMs);
        }
    }

    private void Prune()
    {
        var now = clock.GetUtcNow().ToUnixTimeMilliseconds();
        foreach (var (id, entry) in _used.Where(pair => pair.Value.EndsAtMs < now).ToArray())
            _used.Remove(id);
    }

    private void Save()
    {
        if (path is not null)
            OwnerFile.Replace(path, JsonSerializer.SerializeToUtf8Bytes(_used, GraceJson.Default.DictionaryStringGraceEntry));
    }

    private static Dictionary<string, GraceEntry> Read(string? path) =>
        path is not null && File.Exists(path) ? JsonSerializer.Deserialize(File.ReadAllBytes(path), GraceJson.Default.DictionaryStringGraceEntry) ?? [] : [];
}

internal sealed record GraceEntry(long Used, long? EndsAtMs);

[JsonSerializable(typeof(Dictionary<string, GraceEntry>))]
internal sealed partial class GraceJson : JsonSerializerContext;
