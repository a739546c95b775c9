using System.Text;
using Polly;
using Polly.CircuitBreaker;
using StackExchange.Redis;

namespace Quota.Gateway.Limits.Store;

/// <summary>
/// The one way to an org's counters: one call at a time. What is asked while it is in flight goes together in the next one, each decided by
/// itself inside the script, in the order it was asked. Ends, whose answer nobody waits for, go with the next call that somebody does wait
/// for, or alone when none comes within <see cref="Patience"/>.
/// </summary>
internal sealed class OrgLane : IDisposable
{
    /// <summary>A call to the store stays short: others wait for it.</summary>
    private const int MostOps = 64;

    /// <summary>More waiting ops than this mean a store that does not keep up: what comes then is refused.</summary>
    private const int MostWaiting = 10_000;

    /// <summary>Longer than a client takes to come back with its next request, and shorter than anybody else would notice.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(2);

    private readonly Lock _gate = new();
    private readonly Queue<StoreOp> _waiting = new();
    private readonly StoreConnection _connection;
    private readonly BatchWriter _writer;
    private readonly ResiliencePipeline _breaker;
    private readonly ITimer _patience;
    private int _urgent;
    private bool _isInFlight, _isPatient;

    public OrgLane(string orgId, StoreConnection connection, EpochBook book, LimitsOptions options, GatewayIdentity identity, GatewayClock clock, StoreEvents events)
    {
        _connection = connection;
        _writer = new BatchWriter(orgId, options, identity);
        _patience = clock.CreateTimer(_ => SendPatient(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
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
    public Task<byte[]> SendAsync(StoreOp op)
    {
        if (Epoch.Closed is { } reason)
            return Task.FromException<byte[]>(new StoreClosedException(reason));
        lock (_gate)
        {
            if (_waiting.Count >= MostWaiting)
                return Task.FromException<byte[]>(new StoreClosedException("the counter store does not keep up"));
            _waiting.Enqueue(op);
            if (!op.CanWait)
                _urgent++;
            if (_isInFlight)
                return op.Task;
            if (_urgent == 0)
            {
                BePatient();
                return op.Task;
            }
            _isInFlight = true;
        }
        _ = RunAsync();
        return op.Task;
    }

    public void Dispose()
    {
        _patience.Dispose();
        Epoch.Dispose();
    }

    private async Task RunAsync()
    {
        var isFirst = true;
        List<StoreOp>? done = null;
        byte[][] replies = [];
        while (true)
        {
            var batch = Take(evenPatient: isFirst);
            isFirst = false;
            var sent = batch is null ? null : CallAsync(batch);
            if (done is not null)
                Answer(done, replies, isLast: sent is null);   // the next call is on its way; now those who waited for the last one go on
            done = null;
            if (sent is null)
                return;
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

    private async Task<byte[][]> CallAsync(List<StoreOp> batch)
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
            Epoch.Accept(Encoding.ASCII.GetString(reply[0]), epoch, isFrequent);
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

    /// <summary>The ops of the next call. None: the lane is idle from now on, though ends may wait for company.</summary>
    private List<StoreOp>? Take(bool evenPatient)
    {
        lock (_gate)
        {
            if (_waiting.Count == 0 || (_urgent == 0 && !evenPatient && _waiting.Count < MostOps))
            {
                _isInFlight = false;
                if (_waiting.Count > 0)
                    BePatient();
                return null;
            }
            var batch = new List<StoreOp>(Math.Min(MostOps, _waiting.Count));
            while (batch.Count < MostOps && _waiting.TryDequeue(out var op))
            {
                batch.Add(op);
                if (!op.CanWait)
                    _urgent--;
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
            _urgent = 0;
            return all;
        }
    }

    /// <summary>Under the lock. The timer is not put off: what waits at last waits less, and nothing is set for each end.</summary>
    private void BePatient()
    {
        if (_isPatient)
            return;
        _isPatient = true;
        _patience.Change(Patience, Timeout.InfiniteTimeSpan);
    }

    private void SendPatient()
    {
        lock (_gate)
        {
            _isPatient = false;
            if (_isInFlight || _waiting.Count == 0)
                return;
            _isInFlight = true;
        }
        _ = RunAsync();
    }

    /// <summary>Those who wait go on side by side, ends one after the other behind them. When nothing follows, one that waits alone needs no other thread.</summary>
    private static void Answer(List<StoreOp> ops, byte[][] replies, bool isLast)
    {
        StoreOp? alone = null;
        var (aloneReply, waiting, ends) = (replies[0], 0, 0);
        for (var i = 0; i < ops.Count; i++)
        {
            if (ops[i].CanWait)
                ends++;
            else if (++waiting == 1 && isLast)
                (alone, aloneReply) = (ops[i], replies[i + 1]);
            else
                ThreadPool.UnsafeQueueUserWorkItem(it => it.Op.TrySetResult(it.Reply), (Op: ops[i], Reply: replies[i + 1]), preferLocal: false);
        }
        if (ends > 0 && (!isLast || waiting > 0))
            ThreadPool.UnsafeQueueUserWorkItem(it => AnswerEnds(it.Ops, it.Replies), (Ops: ops, Replies: replies), preferLocal: false);
        else if (ends > 0)
            AnswerEnds(ops, replies);
        alone?.TrySetResult(aloneReply);
    }

    private static void AnswerEnds(List<StoreOp> ops, byte[][] replies)
    {
        for (var i = 0; i < ops.Count; i++)
        {
            if (ops[i].CanWait)
                ops[i].TrySetResult(replies[i + 1]);
        }
    }

    private static void Fail(List<StoreOp> ops, Exception problem)
    {
        foreach (var op in ops)
            ThreadPool.UnsafeQueueUserWorkItem(it => it.Op.TrySetException(it.Problem), (Op: op, Problem: problem), preferLocal: false);
    }
}
