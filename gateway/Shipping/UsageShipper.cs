using System.Text.Json;
using Polly;
using Polly.Retry;
using Quota.Gateway.Diagnostics;
using Quota.Gateway.Spool;
using Quota.Shared.Usage;

namespace Quota.Gateway.Shipping;

/// <summary>
/// Ships what is fsynced, batch by batch, for ever with backoff; the cursor moves only over events that the sink has confirmed.
/// Conflicts and rejects are kept aside with their reason and shown.
/// </summary>
internal sealed class UsageShipper(CallSpool spool, IEventSink sink, ShippingOptions options, GatewayClock clock, GatewayMetrics metrics, ILogger<UsageShipper> log)
    : BackgroundService
{
    private readonly ShipCursor _cursor = new(spool);
    private readonly ResiliencePipeline _forEver = new ResiliencePipelineBuilder { TimeProvider = clock }.AddRetry(new RetryStrategyOptions
    {
        ShouldHandle = new PredicateBuilder().Handle<HttpRequestException>().Handle<IOException>().Handle<JsonException>().Handle<TaskCanceledException>(problem => problem.InnerException is TimeoutException),
        MaxRetryAttempts = int.MaxValue,
        Delay = TimeSpan.FromMilliseconds(100),
        MaxDelay = TimeSpan.FromSeconds(5),
        BackoffType = DelayBackoffType.Exponential,
        UseJitter = true,
        OnRetry = attempt =>
        {
            log.ShipFailed(attempt.AttemptNumber + 1, attempt.Outcome.Exception?.Message ?? "");
            return default;
        },
    }).Build();

    private readonly CancellationTokenSource _drained = new();

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await using var drain = stoppingToken.Register(() => _drained.CancelAfter(options.DrainTime));
        var position = _cursor.Read();
        try
        {
            while (true)
            {
                var next = await TryShipAsync(position, _drained.Token);
                if (next != position)
                    position = next;
                else if (stoppingToken.IsCancellationRequested)
                    return;
                else
                    await Task.Delay(options.IdleWait, clock, CancellationToken.None);
            }
        }
        catch (OperationCanceledException) when (_drained.IsCancellationRequested)
        {
            log.DrainEnded(options.DrainTime);   // what is left stays in the spool for the next start
        }
    }

    public override void Dispose()
    {
        _drained.Dispose();
        base.Dispose();
    }

    /// <summary>A local disk that fails (a full one, say) stops shipping for a second, not the gateway. Damage in the spool does stop it.</summary>
    private async Task<SpoolPosition> TryShipAsync(SpoolPosition from, CancellationToken cancellation)
    {
        try
        {
            return await ShipAsync(from, cancellation);
        }
        catch (Exception problem) when (problem is IOException and not SpoolDamagedException or UnauthorizedAccessException)
        {
            log.ShipFailed(1, problem.Message);
            await Task.Delay(TimeSpan.FromSeconds(1), clock, cancellation);
            return from;
        }
    }

    /// <summary>Ships one batch from a position on; answers the position after it, the same when there was nothing.</summary>
    internal async Task<SpoolPosition> ShipAsync(SpoolPosition from, CancellationToken cancellation)
    {
        var (batch, next) = Collect(from);
        if (next == from)
            return from;
        if (!batch.IsEmpty)
        {
            var results = await _forEver.ExecuteAsync(async token => await sink.SendAsync(batch, token), cancellation);
            KeepAside(batch, results);
            metrics.Shipped(batch.Events.Count);
        }
        _cursor.Write(next);
        spool.Trim(next);
        return next;
    }

    private (ShipBatch Batch, SpoolPosition Next) Collect(SpoolPosition from)
    {
        List<byte[]> events = [], settled = [];
        var (next, bytes) = (from, 0);
        foreach (var entry in spool.Read(from))
        {
            next = entry.Next;
            if (entry.Kind == RecordKind.End)
                events.Add(entry.Payload);
            else if (entry.Kind == RecordKind.Settled && entry.Payload.AsSpan().IndexOf("\"spend\""u8) >= 0)
                settled.Add(entry.Payload);
            bytes += entry.Payload.Length;
            if (events.Count >= options.BatchSize || settled.Count >= options.BatchSize || bytes >= options.BatchBytes)
                break;
        }
        return (new ShipBatch(events, settled), next);
    }

    private void KeepAside(ShipBatch batch, IReadOnlyList<ShipResult> results)
    {
        for (var i = 0; i < results.Count; i++)
        {
            var result = results[i];
            if (result.Status is ShipStatus.Accepted or ShipStatus.Duplicate)
                continue;
            log.NotStored(result.Id, result.Status, result.Reason);
            metrics.NotStored(result.Status);
            var line = $"{{\"status\":\"{result.Status}\",\"reason\":{JsonSerializer.Serialize(result.Reason)},\"event\":{System.Text.Encoding.UTF8.GetString(batch.Events[i])}}}\n";
            File.AppendAllText(Path.Combine(spool.Folder, "set-aside.jsonl"), line);
        }
    }
}
