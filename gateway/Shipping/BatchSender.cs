using Polly;
using Polly.Retry;
using Quota.Gateway.Diagnostics;
using Quota.Gateway.Spool;
using Quota.Shared.Usage;

namespace Quota.Gateway.Shipping;

/// <summary>
/// Sends a batch for ever, with backoff, until each of its events is confirmed or set aside. One that the sink refuses as a whole is halved
/// until the event is found which it is refused for; that event is set aside, but only when the sink has stored something else since: a sink
/// that refuses everything is at fault itself, and its events wait.
/// </summary>
internal sealed class BatchSender(IEventSink sink, SetAside aside, ShippingOptions options, GatewayClock clock, GatewayMetrics metrics, ILogger<BatchSender> log)
{
    /// <summary>A sink may ask for a longer pause, but not for one that nobody would notice in time.</summary>
    private static readonly TimeSpan LongestAfter = TimeSpan.FromMinutes(1);

    private readonly ResiliencePipeline<ShipReply> _forEver = ForEver(options, clock, metrics, log);
    private long _stored;
    private long _storedAt = clock.GetTimestamp();

    /// <summary>How long nothing was stored.</summary>
    public TimeSpan Silence => clock.GetElapsedTime(Volatile.Read(ref _storedAt));

    public async Task SendAsync(ShipBatch batch, CancellationToken cancellation)
    {
        long? before = null;
        var reply = await _forEver.ExecuteAsync(async token =>
        {
            var answer = await TryAsync(batch, token);
            if (answer is not ShipReply.Refused refused || !batch.IsSingle)
                return answer;
            before ??= Volatile.Read(ref _stored);
            return Volatile.Read(ref _stored) > before ? refused : new ShipReply.Later(refused.Reason, IsFault: true);
        }, cancellation);
        switch (reply)
        {
            case ShipReply.Stored stored:
                await KeepAsync(batch, stored.Results, cancellation);
                metrics.Shipped(batch.Events.Count);
                break;
            case ShipReply.Refused when !batch.IsSingle:
                var (first, second) = batch.Halves();
                await SendAsync(first, cancellation);
                await SendAsync(second, cancellation);
                break;
            case ShipReply.Refused refused:
                await KeepAsync(batch, [.. batch.Events.Select(one => new ShipResult(ShipBatch.IdOf(one), ShipStatus.Rejected, refused.Reason))], cancellation);
                break;
        }
    }

    /// <summary>A batch of nothing, which carries the watermark. It is not sent again: the next one says more.</summary>
    public Task BeatAsync(CancellationToken cancellation) => TryAsync(ShipBatch.Empty, cancellation);

    private async Task<ShipReply> TryAsync(ShipBatch batch, CancellationToken cancellation)
    {
        try
        {
            var reply = await sink.SendAsync(batch, cancellation);
            if (reply is ShipReply.Stored)
            {
                Interlocked.Increment(ref _stored);
                Volatile.Write(ref _storedAt, clock.GetTimestamp());
            }
            return reply;
        }
        catch (Exception problem) when (!cancellation.IsCancellationRequested)
        {
            return new ShipReply.Later(problem.Message);
        }
    }

    private async Task KeepAsync(ShipBatch batch, IReadOnlyList<ShipResult> results, CancellationToken cancellation)
    {
        var kept = results.Zip(batch.Events).Where(pair => pair.First.Status is not (ShipStatus.Accepted or ShipStatus.Duplicate)).ToArray();
        if (kept.Length == 0)
            return;
        await LocalDisk.TryForEverAsync(() => aside.AddAsync(kept, cancellation), clock, log, cancellation);
        foreach (var (result, one) in kept)
        {
            log.NotStored(ShipBatch.IdOf(one), result.Status, result.Reason);
            metrics.NotStored(result.Status);
        }
    }

    private static ResiliencePipeline<ShipReply> ForEver(ShippingOptions options, GatewayClock clock, GatewayMetrics metrics, ILogger log) =>
        new ResiliencePipelineBuilder<ShipReply> { TimeProvider = clock }.AddRetry(new RetryStrategyOptions<ShipReply>
        {
            ShouldHandle = new PredicateBuilder<ShipReply>().HandleResult(reply => reply is ShipReply.Later),
            MaxRetryAttempts = int.MaxValue,
            Delay = options.FirstDelay,
            MaxDelay = options.LongestDelay,
            BackoffType = DelayBackoffType.Exponential,
            UseJitter = true,
            DelayGenerator = attempt => ValueTask.FromResult(attempt.Outcome.Result is ShipReply.Later { After: { } after } ? Jittered(after) : (TimeSpan?)null),
            OnRetry = attempt =>
            {
                metrics.ShippedAgain();
                if (attempt.Outcome.Result is ShipReply.Later { IsFault: true } fault)
                    log.ShipRefused(attempt.AttemptNumber + 1, fault.Problem);
                else
                    log.ShipFailed(attempt.AttemptNumber + 1, ((ShipReply.Later)attempt.Outcome.Result!).Problem);
                return default;
            },
        }).Build();

    /// <summary>Never earlier than was asked for, and not all gateways at once.</summary>
    private static TimeSpan Jittered(TimeSpan after)
    {
        var least = after < TimeSpan.Zero ? TimeSpan.Zero : after < LongestAfter ? after : LongestAfter;
        return least + TimeSpan.FromMilliseconds(Random.Shared.Next(500));
    }
}

/// <summary>A local disk that fails (a full one, say) stops shipping, not the gateway. Damage in the spool does stop it.</summary>
internal static class LocalDisk
{
    public static async Task TryForEverAsync(Func<Task> write, TimeProvider clock, ILogger log, CancellationToken cancellation)
    {
        while (true)
        {
            try
            {
                await write();
                return;
            }
            catch (Exception problem) when (problem is IOException and not SpoolDamagedException or UnauthorizedAccessException)
            {
                log.CursorFailed(problem.Message);
                await Task.Delay(TimeSpan.FromSeconds(1), clock, cancellation);
            }
        }
    }
}
