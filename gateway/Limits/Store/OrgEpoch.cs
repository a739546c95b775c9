using Quota.Shared.ControlPlane;
using StackExchange.Redis;

namespace Quota.Gateway.Limits.Store;

/// <summary>
/// Whether an org's counters are to be believed: opened before the first call, closed at once when a guard fails, opened again only when
/// the store is known to be whole, or was rebuilt (protocols A8). The script <c>epoch.lua</c> is the other half.
/// </summary>
/// <param name="onClosed">Told why, before anything else is tried.</param>
internal sealed class OrgEpoch(
    string orgId, StoreConnection connection, EpochBook book, LimitsOptions options, GatewayIdentity identity, GatewayClock clock, StoreEvents events, Action<string> onClosed) : IDisposable
{
    /// <summary>Fields of an epoch hash on which one gateway counts: id, run, state, and two of its own.</summary>
    private const long FieldsOfOne = 5;

    private readonly Lock _gate = new();
    private readonly SemaphoreSlim _mending = new(1);
    private readonly EpochFill _fill = new(orgId, connection, options, identity);
    private readonly OrgGathering _gathering = new(orgId, connection, options, identity, events);
    private EpochOrder? _opened;
    private volatile string? _called;
    private KnownEpoch? _epoch;
    private string? _closed;
    private string _run = "";
    private volatile bool _isLoaded, _frequentIsLoaded;
    private long? _joinedAt;
    private long _acknowledged;
    private bool _reopening;

    public string OrgId => orgId;

    /// <summary>The epoch in force; null while there is none.</summary>
    public string? Id => _epoch?.Id;

    /// <summary>Whether no other gateway counts on this org's counters.</summary>
    public bool IsAlone => _epoch?.IsAlone ?? false;

    /// <summary>Whether another gateway was ever seen on this org's counters.</summary>
    public bool IsShared => book.Read(orgId) is { IsAlone: false };

    /// <summary>The epoch that an earlier run of this gateway counted in last.</summary>
    public string? Earlier => book.AtStart(orgId)?.Id;

    /// <summary>Why the counters are not believed now; null when they are.</summary>
    public string? Closed => _closed;

    /// <summary>The store has forgotten this org's counters, or some of them.</summary>
    public bool HasLost { get; private set; }

    /// <summary>Mutations of ours that the store has acknowledged.</summary>
    public long Acknowledged => Volatile.Read(ref _acknowledged);

    /// <summary>The id of the epoch in force; opens it when it was not yet.</summary>
    /// <exception cref="StoreClosedException">It cannot be opened now.</exception>
    /// <exception cref="RedisException">The store does not answer.</exception>
    /// <exception cref="TimeoutException">The same.</exception>
    public ValueTask<string> OpenAsync() => _closed is { } reason ? throw new StoreClosedException(reason) : _epoch is { } epoch ? ValueTask.FromResult(epoch.Id) : FirstOpenAsync();

    /// <summary>The script for a call, and whether it has to be sent as text, to be looked at by the guard inside.</summary>
    public (StoreScript Script, bool IsFirst) ScriptFor(bool isFrequent) => (StoreConnection.BatchOf(_run, isFrequent), !(isFrequent ? _frequentIsLoaded : _isLoaded));

    /// <summary>Takes note of a call's answer; throws when a guard has failed, and then nothing was done.</summary>
    /// <param name="header">The first text of the reply, see <c>batch.lua</c>.</param>
    /// <exception cref="StoreClosedException">The counters are not believed any more.</exception>
    public void Accept(string header, string epochId, bool isFrequent)
    {
        var words = header.Split(' ');
        if (words[0] == "suspect")
            throw Refuse(words[1]);
        if (isFrequent)
            _frequentIsLoaded = true;
        else
            _isLoaded = true;
        connection.Learn(Number(words[4]));
        if (words[2] != "0")
            events.Told(orgId);
        lock (_gate)
        {
            if (_epoch is not { } epoch || epoch.Id != epochId)
                return;   // rebuilt meanwhile: that answer was of counters that are no more
            _acknowledged = Math.Max(_acknowledged, Number(words[1]));
        }
        NoteCompany(Number(words[3]));
    }

    /// <summary>A guard has failed: closes.</summary>
    public StoreClosedException Refuse(string guard)
    {
        var reason = guard switch
        {
            "run" => "the counter store was restarted or replaced",
            "lost" => "the counter store has forgotten acknowledged use",
            _ => "the counters are not those this gateway knows",
        };
        events.Suspected(orgId, guard);
        Close(reason);
        return new StoreClosedException(reason);
    }

    /// <summary>Something about the server has changed: the epoch is looked at again before the next call.</summary>
    public void Suspect(string reason) => Close(reason);

    /// <summary>All gateways put together what they know in this epoch. Told again and again, until the core knows that it is done.</summary>
    public void Call(string epoch)
    {
        if (Id == epoch)
        {
            if (_opened is { } order && order.Epoch == epoch)
                _ = events.Orders?.OpenedAsync(order);
            return;
        }
        if (_called == epoch)
            return;
        _called = epoch;
        Close("the counters are being put together by all gateways");
    }

    /// <summary>Puts the org's counters into a new epoch: nothing but what <paramref name="content"/> says is in it when it opens.</summary>
    /// <param name="content">Asked once the old epoch is closed to everybody, so that what it sees is all there is.</param>
    public async Task RebuildAsync(Func<IReadOnlyList<StoreOp>> content)
    {
        await _mending.WaitAsync();
        try
        {
            Close("the counters are being rebuilt");   // from here on no call goes through, and none is begun (see CallRecorder)
            var there = (await AskAsync("open", "none", long.MaxValue)).Epoch;
            var id = Guid.CreateVersion7(clock.GetUtcNow()).ToString("N")[16..];
            if ((await AskAsync("build", id, 0, there)).Result != EpochAnswer.Building)
                throw new StoreClosedException("somebody else has opened other counters meanwhile");
            var ops = content();
            foreach (var part in ops.Chunk(EpochFill.MostAtOnce))
            {
                if (await _fill.PutAsync(id, part) is { } suspect)
                    throw new StoreClosedException($"the rebuild was interrupted ({suspect})");
            }
            var ready = await AskAsync("ready", id, 0);
            if (ready.Result != EpochAnswer.Open)
                throw new StoreClosedException("the rebuild was interrupted by another");
            Use(ready, isAlone: true);
            events.Rebuilt(orgId, ops.Count);
        }
        finally
        {
            _mending.Release();
        }
    }

    /// <summary>Takes the counters as the store has them, whatever this gateway knew: a person has decided that they are right.</summary>
    public async Task AdoptAsync()
    {
        await _mending.WaitAsync();
        try
        {
            var answer = await AskAsync("adopt", "", 0);
            if (answer.Result != EpochAnswer.Open)
                throw new StoreClosedException("there are no counters to take; rebuild them on one gateway first");
            Use(answer, isAlone: answer.Others == 0);
        }
        finally
        {
            _mending.Release();
        }
    }

    /// <summary>
    /// Looks whether the epoch is still there, and whether another gateway has come. Asked each second, since an idle gateway has no calls that would
    /// tell it: it would show counters that are gone as unused, and take itself for alone and rebuild lost ones without the other's calls.
    /// </summary>
    public async Task LookAsync()
    {
        if (_epoch is not { } epoch)
            return;
        var (there, fields) = (connection.HashAsync(QuotaKeys.Epoch(orgId), "id"), connection.FieldsAsync(QuotaKeys.Epoch(orgId)));
        if ((await there)[0] == epoch.Id)
            NoteCompany(await fields);
        else if (Id == epoch.Id)
            Refuse("epoch");
    }

    /// <summary>Notes in the book how far the store has acknowledged this gateway's mutations.</summary>
    public async Task NoteAsync()
    {
        await _mending.WaitAsync();   // not while another epoch is opened; and the disk is waited for outside the lock that calls need
        try
        {
            if (_epoch is { } epoch && _closed is null)
                book.Write(orgId, epoch with { Acknowledged = Acknowledged });
        }
        finally
        {
            _mending.Release();
        }
    }

    public void Dispose() => _mending.Dispose();

    private async ValueTask<string> FirstOpenAsync()
    {
        string reason;
        await _mending.WaitAsync();
        try
        {
            if (_epoch is { } other)
                return other.Id;
            reason = EpochAnswer.ReasonOf(await TryOpenAsync());
            if (_epoch is { } opened)
                return opened.Id;
        }
        catch (StoreClosedException problem)
        {
            reason = problem.Message;   // tried again in the background: not by every call, one after the other
        }
        finally
        {
            _mending.Release();
        }
        Close(reason);
        throw new StoreClosedException(reason);
    }

    /// <summary>Asks the store how it stands with the epoch, and uses it when it is whole.</summary>
    private async Task<string> TryOpenAsync()
    {
        var known = book.Read(orgId);
        var answer = await AskAsync("open", known?.Id ?? "", Math.Max(known?.Acknowledged ?? 0, Acknowledged), events.Orders is null ? "" : "ask");
        if (answer.Result == EpochAnswer.Waits && answer.Rest.Split(' ').Any(events.IsLost))
            answer = answer with { Result = EpochAnswer.Lost };   // nobody will ever say that its part is there
        HasLost = answer.Result is EpochAnswer.Lost or EpochAnswer.Gathering || _called is not null;
        if (answer.Result == EpochAnswer.None)
            answer = await FirstAsync();
        if (HasLost && known is { IsAlone: true } && answer.Others != 0)
            Keep(known with { IsAlone = false });   // others have gone on without this gateway: what it knows must not replace theirs
        var mustGather = _called is not null || answer.Result is EpochAnswer.Gathering or EpochAnswer.None || (answer.Result == EpochAnswer.Lost && book.Read(orgId) is not { IsAlone: true });
        if (mustGather && events.Orders is { } core && await GatherAsync(core, answer.Result is EpochAnswer.Lost or EpochAnswer.None) is { } gathered)
            return gathered;
        if (answer.Result == EpochAnswer.Joined)
        {
            _joinedAt = clock.GetTimestamp();
            if (options.JoinWait == TimeSpan.Zero)
                return await TryOpenAsync();
        }
        if (answer.Result == EpochAnswer.Open)
            Use(answer, isAlone: (known?.IsAlone ?? true) && answer.Others == 0);
        return answer.Result;
    }

    /// <summary>Puts the counters together with the others. Null: nothing is gathered, and what the store says of itself counts.</summary>
    private async Task<string?> GatherAsync(IEpochOrders core, bool isLost)
    {
        var called = _called;
        if (await _gathering.TakePartAsync(core, isLost, called, BeginNext) is not var (there, order))
        {
            Interlocked.CompareExchange(ref _called, null, called);   // over, or never was
            return null;
        }
        if (there.Result != EpochAnswer.Open)
            return EpochAnswer.Gathering;
        Use(there, isAlone: order.Participants.Count == 1);
        (_opened, _called, HasLost) = (order, null, false);
        _ = core.OpenedAsync(order);
        return EpochAnswer.Open;
    }

    /// <summary>There are no counters yet, and this gateway knows of none: somebody else may, and only the core knows whether there is anybody.</summary>
    private async Task<EpochAnswer> FirstAsync()
    {
        var order = await events.Orders!.AskAsync(orgId, lost: false);
        return order is null or { State: EpochOrder.Fresh } ? await AskAsync("open", "", 0, order?.Epoch ?? "") : new(EpochAnswer.None);
    }

    private Task<EpochAnswer> AskAsync(string what, string epoch, long acknowledged, string seen = "") =>
        EpochAnswer.AskAsync(connection, StoreConnection.Epoch, [QuotaKeys.Epoch(orgId)], [what, identity.Instance, epoch, acknowledged, seen]);

    private void Use(EpochAnswer answer, bool isAlone)
    {
        var epoch = new KnownEpoch(answer.Epoch, answer.Own, isAlone);
        Keep(epoch);   // before the first call: a store that is emptied later must be noticed after a restart, too
        lock (_gate)
            (_epoch, _closed, _run, _isLoaded, _frequentIsLoaded, _acknowledged) = (epoch, null, answer.Run, false, false, epoch.Acknowledged);
    }

    /// <summary>From here on the epoch before is nothing to this gateway, nor what it had done in it.</summary>
    private void BeginNext(string epoch)
    {
        if (book.Read(orgId)?.Id == epoch)
            return;
        Keep(new KnownEpoch(epoch, 0, IsAlone: false));
        lock (_gate)
            _acknowledged = 0;
    }

    private void Keep(KnownEpoch epoch)
    {
        try
        {
            book.Write(orgId, epoch);
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            throw new StoreClosedException($"the spool's disk failed: {problem.Message}");
        }
    }

    private void NoteCompany(long fields)
    {
        lock (_gate)
        {
            if (fields <= FieldsOfOne || _epoch is not { IsAlone: true } epoch)
                return;
            _epoch = epoch with { Acknowledged = _acknowledged, IsAlone = false };
            Keep(_epoch);
        }
    }

    private void Close(string reason)
    {
        lock (_gate)
        {
            (_closed, _epoch) = (reason, null);
            if (_reopening)
                return;
            _reopening = true;
        }
        onClosed(reason);
        _ = ReopenAsync();
    }

    private async Task ReopenAsync()
    {
        var wait = TimeSpan.FromMilliseconds(50);
        while (true)
        {
            try
            {
                if (await MendAsync() is not { } result)
                    break;
                if (result == EpochAnswer.Lost && book.Read(orgId) is { IsAlone: true })
                {
                    await events.RebuildAsync(this);
                    break;
                }
            }
            catch (Exception problem)
            {
                events.NotReopened(orgId, problem);   // tried again, for as long as it takes
            }
            await Task.Delay(wait, clock);
            wait = wait < TimeSpan.FromSeconds(1) ? wait * 1.5 : TimeSpan.FromSeconds(1);
        }
        lock (_gate)
            _reopening = false;
        if (_closed is { } closed)
            Close(closed);   // closed again in between
    }

    /// <summary>Null when the epoch is open, else how it stands.</summary>
    private async Task<string?> MendAsync()
    {
        await _mending.WaitAsync();
        try
        {
            if (_epoch is not null && _closed is null)
                return null;
            if (_joinedAt is { } joined && clock.GetElapsedTime(joined) < options.JoinWait)
                return EpochAnswer.Joined;
            var result = await TryOpenAsync();
            if (result == EpochAnswer.Open)
                return null;
            lock (_gate)
                _closed = EpochAnswer.ReasonOf(result);
            return result;
        }
        finally
        {
            _mending.Release();
        }
    }

    private static long Number(string text) => long.Parse(text, CultureInfo.InvariantCulture);
}
