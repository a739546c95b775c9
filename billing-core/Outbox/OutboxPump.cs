using System.Collections.Frozen;
using Quota.Billing.Clock;

namespace Quota.Billing.Outbox;

/// <summary>
/// Does what is owed, in the background and when a test clock moves. Several replicas may pump together: each message is leased to
/// one at a time. Messages are never given up; they come back ever more slowly, with their last error to look at.
/// </summary>
internal sealed class OutboxPump : BackgroundService, IDueWork
{
    private readonly OutboxStore _store;
    private readonly OutboxOptions _options;
    private readonly ILogger<OutboxPump> _log;
    private readonly FrozenDictionary<string, IOutboxHandler> _handlers;

    /// <exception cref="InvalidOperationException">Two handlers share a kind.</exception>
    public OutboxPump(OutboxStore store, IEnumerable<IOutboxHandler> handlers, OutboxOptions options, ILogger<OutboxPump> log)
    {
        (_store, _options, _log) = (store, options, log);
        var byKind = new Dictionary<string, IOutboxHandler>(StringComparer.Ordinal);
        foreach (var handler in handlers)
        {
            if (!byKind.TryAdd(handler.Kind, handler))
                throw new InvalidOperationException($"Two outbox handlers are registered for '{handler.Kind}'.");
        }
        _handlers = byKind.ToFrozenDictionary(StringComparer.Ordinal);
    }

    /// <summary>After everything that makes messages.</summary>
    public int Order => 900;

    /// <summary>
    /// Pumps until nothing is due or <see cref="OutboxOptions.DrainMessages"/> were handled, and waits a while for what another
    /// worker has in hand, so that a moved clock is answered with the effects there.
    /// </summary>
    public async Task RunDueAsync(CancellationToken cancel)
    {
        var handled = 0;
        for (var patience = _options.DrainPatience; patience > TimeSpan.Zero && handled < _options.DrainMessages;)
        {
            var count = await PumpAsync(cancel);
            handled += count;
            if (count > 0)
                continue;
            if (!await _store.AnyLeasedAsync(_handlers.Keys, cancel))
                return;
            var pause = TimeSpan.FromMilliseconds(50);
            await Task.Delay(pause, TimeProvider.System, cancel);
            patience -= pause;
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                if (await PumpAsync(stoppingToken) == 0)
                    await Task.Delay(_options.Poll, TimeProvider.System, stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception error)
            {
                // The database is away: nothing is lost, the rows wait.
                Log.PumpFailed(_log, error);
                await Task.Delay(_options.Poll * 5, TimeProvider.System, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    /// <summary>One batch. Returns how many messages were taken.</summary>
    private async Task<int> PumpAsync(CancellationToken cancel)
    {
        if (_handlers.Count == 0)
            return 0;
        var messages = await _store.ClaimAsync(_handlers.Keys, _options.Parallelism, _options.Lease, cancel);
        await Task.WhenAll(messages.Select(message => HandleAsync(message, cancel)));
        return messages.Count;
    }

    private async Task HandleAsync(OutboxMessage message, CancellationToken cancel)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        limit.CancelAfter(_options.Lease * 0.9);
        OutboxOutcome outcome;
        try
        {
            outcome = await _handlers[message.Kind].HandleAsync(message, limit.Token);
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            // We are stopping. The lease is given back at once instead of being waited out.
            await _store.PostponeAsync(message, TimeSpan.Zero, "interrupted by a shutdown");
            throw;
        }
        catch (Exception error)
        {
            // Only the type: messages of others may quote what they were sent.
            Log.HandlerFailed(_log, error, message.Kind, message.Reference, message.Attempts);
            outcome = OutboxOutcome.Again(error.GetType().Name);
        }
        if (outcome is OutboxOutcome.Later later)
        {
            var delay = Backoff.After(message.Attempts, _options.MaxBackoff);
            Log.Postponed(_log, message.Kind, message.Reference, message.Attempts, later.Reason, delay);
            await _store.PostponeAsync(message, delay, later.Reason);
        }
        else
        {
            await _store.FinishAsync(message);
        }
    }
}

/// <summary>Doubling from a second, with jitter so that what failed together does not come back together.</summary>
internal static class Backoff
{
    public static TimeSpan After(int attempts, TimeSpan max)
    {
        var full = Math.Min(max.TotalSeconds, Math.Pow(2, Math.Clamp(attempts - 1, 0, 30)));
#pragma warning disable CA5394 // Jitter needs no secret.
        return TimeSpan.FromSeconds(full * (0.5 + Random.Shared.NextDouble() / 2));
#pragma warning restore CA5394
    }
}
