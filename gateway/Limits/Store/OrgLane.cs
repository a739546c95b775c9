using Polly;
using Polly.CircuitBreaker;
using StackExchange.Redis;

namespace Quota.Gateway.Limits.Store;

/// <summary>
/// The one way to an org's counters. What is asked while a call is in flight goes together in the next one, each decided by itself
/// inside the script; only a reserve that finds nothing but ends on their way goes right behind them. Also keeps the org's epoch: opened before the first call, closed at once when a guard fails, opened again only
/// when the store is known to be whole, or was rebuilt.
/// </summary>
internal sealed class OrgLane : IDisposable
{
    /// <summary>A call to the store stays short: others wait for it.</summary>
    private const int MostOps = 64;

    /// <summary>More waiting ops than this mean a store that does not keep up: what comes then is refused.</summary>
    private const int MostWaiting = 10_000;

    /// <summary>Fields of an epoch hash on which one gateway counts: id, run, state, and two of its own.</summary>
    private const long FieldsOfOne = 5;

    private readonly Lock _gate = new();
    private readonly Lock _order = new();
    private readonly Queue<StoreOp> _waiting = new();
    private readonly StoreConnection _connection;
    private readonly EpochBook _book;
    private readonly LimitsOptions _options;
    private readonly GatewayIdentity _identity;
    private readonly GatewayClock _clock;
    private readonly StoreEvents _events;
    private readonly BatchWriter _writer;
    private readonly ResiliencePipeline _breaker;
    private readonly SemaphoreSlim _mending = new(1);
    private int _inFlight;
    private bool _hasReserve, _reopening;
    private KnownEpoch? _epoch;
    private long? _joinedAt;
    private string _run = "";
    private volatile bool _isLoaded, _frequentIsLoaded;
    private string? _closed;
    private long _acknowledged;

    public OrgLane(string orgId, StoreConnection connection, EpochBook book, LimitsOptions options, GatewayIdentity identity, GatewayClock clock, StoreEvents events)
    {
        (OrgId, _connection, _book, _options, _identity, _clock, _events) = (orgId, connection, book, options, identity, clock, events);
        _writer = new BatchWriter(orgId, options, identity);
        _breaker = new ResiliencePipelineBuilder { TimeProvider = clock }.AddCircuitBreaker(new CircuitBreakerStrategyOptions
        {
            // Two calls without an answer: the next ones are not made to wait for theirs.
            FailureRatio = 0.9, MinimumThroughput = 2, SamplingDuration = TimeSpan.FromSeconds(2), BreakDuration = TimeSpan.FromMilliseconds(500),
            ShouldHandle = new PredicateBuilder().Handle<RedisException>().Handle<TimeoutException>(),
        }).Build();
    }

    public string OrgId { get; }

    /// <summary>The epoch in force; null until it was opened.</summary>
    public string? EpochId => _epoch?.Id;

    /// <summary>Whether no other gateway counts on this org's counters.</summary>
    public bool IsAlone => _epoch?.IsAlone ?? false;

    /// <summary>Whether another gateway was ever seen on this org's counters.</summary>
    public bool IsShared => _book.Read(OrgId) is { IsAlone: false };

    /// <summary>Why the counters are not believed now; null when they are.</summary>
    public string? Closed => _closed;

    /// <summary>The store has forgotten this org's counters, or some of them.</summary>
    public bool HasLost { get; private set; }

    /// <summary>Sends an op with the next call.</summary>
    public Task<string> SendAsync(StoreOp op)
    {
        lock (_gate)
        {
            if (_closed is { } reason)
                return Task.FromException<string>(new StoreClosedException(reason));
            if (_waiting.Count >= MostWaiting)
                return Task.FromException<string>(new StoreClosedException("the counter store does not keep up"));
            _waiting.Enqueue(op);
            // A reserve does not wait for an end that is on its way: it goes right behind it, on the same connection.
            if (_inFlight > 0 && (_inFlight > 1 || _hasReserve || op is not ReserveOp))
                return op.Task;
            _inFlight++;
        }
        _ = RunAsync();
        return op.Task;
    }

    /// <summary>Opens the epoch unless it is open.</summary>
    /// <exception cref="StoreClosedException">It cannot be opened now.</exception>
    /// <exception cref="RedisException">The store does not answer.</exception>
    /// <exception cref="TimeoutException">The same.</exception>
    public async Task<string> OpenAsync()
    {
        if (_closed is { } reason)
            throw new StoreClosedException(reason);
        return _epoch?.Id ?? await FirstOpenAsync();
    }

    /// <summary>Something about the server has changed: the epoch is looked at again before the next call.</summary>
    public void Suspect(string reason) => Close(reason);

    /// <summary>Puts the org's counters into a new epoch: nothing but what <paramref name="content"/> says is in it when it opens.</summary>
    /// <param name="content">Asked once the old epoch is closed to everybody, so that what it sees is all there is.</param>
    public async Task RebuildAsync(Func<IReadOnlyList<StoreOp>> content)
    {
        await _mending.WaitAsync();
        try
        {
            Close("the counters are being rebuilt");   // from here on no call goes through, and none is begun (see CallRecorder)
            var there = (await AskEpochAsync("open", "none", long.MaxValue))[1];
            var id = Guid.CreateVersion7(_clock.GetUtcNow()).ToString("N")[16..];
            if ((await AskEpochAsync("build", id, 0, there))[0] != "building")
                throw new StoreClosedException("somebody else has opened other counters meanwhile");
            var ops = content();
            foreach (var part in ops.Chunk(MostOps))
            {
                var (keys, arguments) = new BatchWriter(OrgId, _options, _identity).Write(part, id, 0, _connection.OffsetMs, isFirst: true);
                var reply = await _connection.EvaluateAsync(StoreConnection.BatchOf("", isFrequent: false), keys, arguments, isFirst: true);
                if (reply[0].StartsWith("suspect", StringComparison.Ordinal))
                    throw new StoreClosedException($"the rebuild was interrupted ({reply[0]})");
            }
            var ready = await AskEpochAsync("ready", id, 0);
            if (ready[0] != "open")
                throw new StoreClosedException("the rebuild was interrupted by another");
            _acknowledged = long.Parse(ready[3], CultureInfo.InvariantCulture);
            Use(new KnownEpoch(id, _acknowledged, IsAlone: true), ready[2]);
            _events.Rebuilt(OrgId, ops.Count);
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
            var answer = await AskEpochAsync("adopt", "", 0);
            if (answer[0] != "open")
                throw new StoreClosedException("there are no counters to take; rebuild them on one gateway first");
            _acknowledged = long.Parse(answer[3], CultureInfo.InvariantCulture);
            Use(new KnownEpoch(answer[1], _acknowledged, answer[4] == "0"), answer[2]);
        }
        finally
        {
            _mending.Release();
        }
    }

    /// <summary>
    /// Looks whether another gateway has come. Asked each second, since an idle gateway has no calls that would tell it, and one that takes
    /// itself for alone would rebuild lost counters without the other's calls.
    /// </summary>
    public async Task LookForCompanyAsync()
    {
        if (IsAlone)
            NoteCompany(await _connection.FieldsAsync(QuotaKeys.Epoch(OrgId)));
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

    /// <summary>Notes how far the store has acknowledged this gateway's mutations.</summary>
    public void Note()
    {
        lock (_gate)
        {
            if (_epoch is { } epoch && _closed is null)
                _book.Write(OrgId, epoch with { Acknowledged = _acknowledged });
        }
    }

    public void Dispose() => _mending.Dispose();

    private async Task RunAsync()
    {
        List<StoreOp>? done = null;
        string[] replies = [];
        while (true)
        {
            List<StoreOp>? batch;
            Task<string[]>? sent;
            lock (_order)   // taken and written in one go: what was asked first is sent first
            {
                batch = done is null ? Take() : TakeNext();
                sent = batch is null ? null : CallAsync(batch);
            }
            if (done is not null)
            {
                // The next call is on its way; now those who waited for the last one go on.
                for (var i = 0; i < done.Count; i++)
                {
                    if (sent is null && done.Count == 1)   // nobody else waits: no hop to another thread
                        done[i].TrySetResult(replies[i + 1]);
                    else
                        ThreadPool.UnsafeQueueUserWorkItem(it => it.Op.TrySetResult(it.Reply), (Op: done[i], Reply: replies[i + 1]), preferLocal: false);
                }
                done = null;
            }
            if (sent is null)
            {
                lock (_gate)
                {
                    if (_waiting.Count > 0 && _inFlight == 1)
                        continue;
                    _inFlight--;   // what waits goes with the other call's successor
                    return;
                }
            }
            try
            {
                replies = await sent;
                done = batch;
            }
            catch (Exception problem)
            {
                Fail(batch!, problem);
                // What has not been sent is certainly not done, and waits no longer than the call before it did.
                Fail(TakeAll(), new StoreClosedException("the counter store does not answer"));
            }
        }
    }

    private async Task<string[]> CallAsync(List<StoreOp> batch)
    {
        string[] reply;
        try
        {
            var epoch = _closed is { } closed ? throw new StoreClosedException(closed) : _epoch?.Id ?? await FirstOpenAsync();
            foreach (var op in batch)
                op.Epoch = epoch;
            var isFrequent = batch.TrueForAll(static op => op is ReserveOp or SettleOp);
            var isFirst = isFrequent ? !_frequentIsLoaded : !_isLoaded;
            var (keys, arguments) = _writer.Write(batch, epoch, _acknowledged, _connection.OffsetMs, isFirst);
            reply = await _breaker.ExecuteAsync(
                static async (call, _) => await call.Connection.EvaluateAsync(call.Script, call.Keys, call.Arguments, call.IsFirst),
                (Connection: _connection, Script: StoreConnection.BatchOf(_run, isFrequent), Keys: keys, Arguments: arguments, IsFirst: isFirst), CancellationToken.None);
            if (isFrequent)
                _frequentIsLoaded = true;
            else
                _isLoaded = true;
        }
        catch (ScriptGoneException)
        {
            reply = ["suspect run"];   // nothing was done: the server does not know the script of the server we opened the epoch on
        }
        catch (BrokenCircuitException)
        {
            throw new StoreClosedException("the counter store does not answer");
        }
        if (Refusal(reply, batch[0].Epoch!) is not { } guard)
            return reply;
        var reason = guard switch
        {
            "run" => "the counter store was restarted or replaced",
            "lost" => "the counter store has forgotten acknowledged use",
            _ => "the counters are not those this gateway knows",
        };
        _events.Suspected(OrgId, guard);
        Close(reason);
        throw new StoreClosedException(reason);
    }

    /// <summary>The guard that failed; null when the call went through.</summary>
    private string? Refusal(string[] reply, string epochId)
    {
        var words = reply[0].Split(' ');
        if (words[0] == "suspect")
            return words[1];
        _connection.Learn(long.Parse(words[4], CultureInfo.InvariantCulture));
        if (words[2] != "0")
            _events.Told(OrgId);
        lock (_gate)
        {
            if (_epoch is not { } epoch || epoch.Id != epochId)
                return null;   // rebuilt meanwhile: that answer was of counters that are no more
            _acknowledged = Math.Max(_acknowledged, long.Parse(words[1], CultureInfo.InvariantCulture));
        }
        NoteCompany(long.Parse(words[3], CultureInfo.InvariantCulture));
        return null;
    }

    private async Task<string> FirstOpenAsync()
    {
        string result;
        await _mending.WaitAsync();
        try
        {
            if (_epoch is { } other)
                return other.Id;
            result = await TryOpenAsync();
            if (_epoch is { } opened)
                return opened.Id;
        }
        finally
        {
            _mending.Release();
        }
        var reason = Reason(result);
        Close(reason);
        throw new StoreClosedException(reason);
    }

    /// <summary>Asks the store how it stands with the epoch, and uses it when it is whole.</summary>
    private async Task<string> TryOpenAsync()
    {
        var known = _book.Read(OrgId);
        var answer = await AskEpochAsync("open", known?.Id ?? "", Math.Max(known?.Acknowledged ?? 0, _acknowledged));
        HasLost = answer[0] == "lost";
        if (HasLost && known is { IsAlone: true } && answer[4] != "0")
            Keep(known with { IsAlone = false });   // others have gone on without this gateway: what it knows must not replace theirs
        if (answer[0] == "joined")
        {
            _joinedAt = _clock.GetTimestamp();
            if (_options.JoinWait == TimeSpan.Zero)
                return await TryOpenAsync();
        }
        if (answer[0] != "open")
            return answer[0];
        _acknowledged = long.Parse(answer[3], CultureInfo.InvariantCulture);
        Use(new KnownEpoch(answer[1], _acknowledged, (known?.IsAlone ?? true) && answer[4] == "0"), answer[2]);
        return "open";
    }

    private Task<string[]> AskEpochAsync(string what, string epoch, long acknowledged, string seen = "") =>
        _connection.EvaluateAsync(StoreConnection.Epoch, [QuotaKeys.Epoch(OrgId)], [what, _identity.Instance, epoch, acknowledged, seen], isFirst: true);

    private void Keep(KnownEpoch epoch)
    {
        try
        {
            _book.Write(OrgId, epoch);
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            throw new StoreClosedException($"the spool's disk failed: {problem.Message}");
        }
    }

    private void Use(KnownEpoch epoch, string run)
    {
        Keep(epoch);   // before the first call: a store that is emptied later must be noticed after a restart, too
        lock (_gate)
            (_epoch, _closed, _run, _isLoaded, _frequentIsLoaded) = (epoch, null, run, false, false);
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
        Fail(TakeAll(), new StoreClosedException(reason));
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
                if (result == "lost" && _book.Read(OrgId) is { IsAlone: true })
                {
                    await _events.RebuildAsync(this);
                    break;
                }
            }
            catch (Exception problem)
            {
                _events.NotReopened(OrgId, problem);   // tried again, for as long as it takes
            }
            await Task.Delay(wait, _clock);
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
            if (_joinedAt is { } joined && _clock.GetElapsedTime(joined) < _options.JoinWait)
                return "joined";
            var result = await TryOpenAsync();
            if (result == "open")
                return null;
            lock (_gate)
                _closed = Reason(result);
            return result;
        }
        finally
        {
            _mending.Release();
        }
    }

    private static string Reason(string result) => result switch
    {
        "waits" => "the counter store was restarted, and other gateways have yet to confirm that nothing is lost",
        "building" => "the counters are being rebuilt",
        "joined" => "this gateway has just joined others that count here",
        "lost" => "the counter store has lost use that it had acknowledged; rebuild the counters",
        _ => $"the counter store answered '{result}'",
    };

    private List<StoreOp>? Take()
    {
        lock (_gate)
        {
            if (_waiting.Count == 0)
                return null;
            var batch = new List<StoreOp>(Math.Min(MostOps, _waiting.Count));
            _hasReserve = false;
            while (batch.Count < MostOps && _waiting.TryDequeue(out var op))
            {
                batch.Add(op);
                _hasReserve |= op is ReserveOp;
            }
            return batch;
        }
    }

    /// <summary>The successor of a call that was answered: none while another is on its way, whose own successor takes what waits.</summary>
    private List<StoreOp>? TakeNext()
    {
        lock (_gate)
            return _inFlight > 1 ? null : Take();
    }

    private List<StoreOp> TakeAll()
    {
        lock (_gate)
        {
            List<StoreOp> all = [.. _waiting];
            _waiting.Clear();
            return all;
        }
    }

    private static void Fail(List<StoreOp> ops, Exception problem)
    {
        foreach (var op in ops)
            ThreadPool.UnsafeQueueUserWorkItem(it => it.Op.TrySetException(it.Problem), (Op: op, Problem: problem), preferLocal: false);
    }
}
