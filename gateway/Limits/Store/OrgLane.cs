using Polly;
using Polly.CircuitBreaker;
using StackExchange.Redis;

namespace Quota.Gateway.Limits.Store;

/// <summary>
/// The one way to an org's counters. What is asked while a call is in flight goes together in the next one, each decided by itself
/// inside the script; only a reserve that finds nothing but ends on their way goes right behind them.
/// </summary>
internal sealed class OrgLane : IDisposable
{
    /// <summary>A call to the store stays short: others wait for it.</summary>
    private const int MostOps = 64;

    /// <summary>More waiting ops than this mean a store that does not keep up: what comes then is refused.</summary>
    private const int MostWaiting = 10_000;

    private readonly Lock _gate = new();
    private readonly Lock _order = new();
    private readonly Queue<StoreOp> _waiting = new();
    private readonly StoreConnection _connection;
    private readonly BatchWriter _writer;
    private readonly ResiliencePipeline _breaker;
    private int _inFlight;
    private bool _hasReserve;

    public OrgLane(string orgId, StoreConnection connection, EpochBook book, LimitsOptions options, GatewayIdentity identity, GatewayClock clock, StoreEvents events)
    {
        _connection = connection;
        _writer = new BatchWriter(orgId, options, identity);
        Epoch = new OrgEpoch(orgId, connection, book, options, identity, clock, events, onClosed: reason => Fail(TakeAll(), new StoreClosedException(reason)));
        _breaker = new ResiliencePipelineBuilder { TimeProvider = clock }.AddCircuitBreaker(new CircuitBreakerStrategyOptions
        {
            // Two calls without an answer: the next ones are not made to wait for theirs.
            FailureRatio = 0.9, MinimumThroughput = 2, SamplingDuration = TimeSpan.FromSeconds(2), BreakDuration = TimeSpan.FromMilliseconds(500),
            ShouldHandle = new PredicateBuilder().Handle<RedisException>().Handle<TimeoutException>(),
        }).Build();
    }

    /// <summary>Whether the counters are to be believed.</summary>
    public OrgEpoch Epoch { get; }

    /// <summary>Sends an op with the next call.</summary>
    public Task<string> SendAsync(StoreOp op)
    {
        if (Epoch.Closed is { } reason)
            return Task.FromException<string>(new StoreClosedException(reason));
        lock (_gate)
        {
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

    public void Dispose() => Epoch.Dispose();

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
                batch = Take(isSuccessor: done is not null);
                sent = batch is null ? null : CallAsync(batch);
            }
            if (done is not null)
                Answer(done, replies, isLast: sent is null);   // the next call is on its way; now those who waited for the last one go on
            done = null;
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
        try
        {
            var epoch = await Epoch.OpenAsync();
            foreach (var op in batch)
                op.Epoch = epoch;
            var isFrequent = batch.TrueForAll(static op => op is ReserveOp or SettleOp);
            var (script, isFirst) = Epoch.ScriptFor(isFrequent);
            var (keys, arguments) = _writer.Write(batch, epoch, Epoch.Acknowledged, _connection.OffsetMs, isFirst);
            var reply = await _breaker.ExecuteAsync(
                static async (call, _) => await call.Connection.EvaluateAsync(call.Script, call.Keys, call.Arguments, call.IsFirst),
                (Connection: _connection, Script: script, Keys: keys, Arguments: arguments, IsFirst: isFirst), CancellationToken.None);
            Epoch.Accept(reply[0], epoch, isFrequent);
            return reply;
        }
        catch (ScriptGoneException)
        {
            throw Epoch.Refuse("run");   // nothing was done: the server does not know the script of the server we opened the epoch on
        }
        catch (BrokenCircuitException)
        {
            throw new StoreClosedException("the counter store does not answer");
        }
    }

    /// <summary>
    /// The ops of the next call. The successor of a call that was answered is none while another is on its way: that one's own successor
    /// takes what waits.
    /// </summary>
    private List<StoreOp>? Take(bool isSuccessor)
    {
        lock (_gate)
        {
            if (_waiting.Count == 0 || (isSuccessor && _inFlight > 1))
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

    private List<StoreOp> TakeAll()
    {
        lock (_gate)
        {
            List<StoreOp> all = [.. _waiting];
            _waiting.Clear();
            return all;
        }
    }

    private static void Answer(List<StoreOp> ops, string[] replies, bool isLast)
    {
        if (isLast && ops.Count == 1)   // nobody else waits: no hop to another thread
        {
            ops[0].TrySetResult(replies[1]);
            return;
        }
        for (var i = 0; i < ops.Count; i++)
            ThreadPool.UnsafeQueueUserWorkItem(it => it.Op.TrySetResult(it.Reply), (Op: ops[i], Reply: replies[i + 1]), preferLocal: false);
    }

    private static void Fail(List<StoreOp> ops, Exception problem)
    {
        foreach (var op in ops)
            ThreadPool.UnsafeQueueUserWorkItem(it => it.Op.TrySetException(it.Problem), (Op: op, Problem: problem), preferLocal: false);
    }
}
