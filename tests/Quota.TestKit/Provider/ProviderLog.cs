using System.Text.Json.Serialization;

namespace Quota.TestKit;

/// <summary>How a call ended, as the provider saw it.</summary>
public enum ProviderEnding
{
    /// <summary>The whole answer was produced.</summary>
    Completed,

    /// <summary>Answered with an error, or (<c>fault:hang</c>) never.</summary>
    Failed,

    /// <summary><c>fault:cut</c>: the provider itself broke the connection.</summary>
    Cut,

    /// <summary>The caller broke the connection before the answer was whole.</summary>
    CallerGone,
}

/// <summary>One call as the provider saw it.</summary>
/// <param name="Seq">1, 2, 3 … in the order in which calls ended.</param>
/// <param name="RequestId">The <c>x-request-id</c> that the caller sent, or "".</param>
/// <param name="Model">Model asked for, or "" when the body could not be read.</param>
/// <param name="Stream">Whether SSE was asked for.</param>
/// <param name="InputTokens">Words of the prompt; all input, cached or not.</param>
/// <param name="OutputTokens">Words produced, whether or not the caller still read them.</param>
/// <param name="Status">HTTP status; 499 when the connection ended before the answer did.</param>
/// <param name="Ending">Whether it was whole, and who ended it if not.</param>
/// <param name="Bound">The output bound it was called with, or null.</param>
public sealed record ProviderEntry(
    long Seq, string RequestId, string Model, bool Stream, int InputTokens, int OutputTokens, int Status, ProviderEnding Ending, int? Bound)
{
    /// <summary>Of the input, what it said was read from a cache.</summary>
    public int CachedInputTokens { get; init; }

    /// <summary>Of the input, what it said was written to a cache, whatever its lifetime.</summary>
    public int CacheWriteTokens { get; init; }

    /// <summary>Of <see cref="CacheWriteTokens"/>, what is kept for an hour.</summary>
    [JsonPropertyName("cache_write_1h_tokens")]
    public int CacheWrite1hTokens { get; init; }

    /// <summary>Of the input, pictures and audio.</summary>
    public int ImageTokens { get; init; }

    /// <inheritdoc cref="ImageTokens"/>
    public int AudioTokens { get; init; }

    /// <summary>Pictures made, seconds of audio that came, characters spoken.</summary>
    public int Images { get; init; }

    /// <inheritdoc cref="Images"/>
    public int Seconds { get; init; }

    /// <inheritdoc cref="Images"/>
    public int Characters { get; init; }

    /// <summary>Bytes of the audio that came.</summary>
    public long FileBytes { get; init; }
}

/// <summary>What the provider would bill (answers completed) and, apart from it, what went wrong.</summary>
/// <param name="Requests">Answers completed.</param>
/// <param name="InputTokens">Of those.</param>
/// <param name="OutputTokens">Of those.</param>
/// <param name="Failed">Calls answered with an error, or never.</param>
/// <param name="Cut">Answers that ended half-way, by <c>fault:cut</c> or because the caller went.</param>
/// <param name="CutInputTokens">Of those.</param>
/// <param name="CutOutputTokens">Produced before the end.</param>
public readonly record struct ProviderTotals(
    long Requests, long InputTokens, long OutputTokens, long Failed, long Cut, long CutInputTokens, long CutOutputTokens);

/// <summary>From when to when a call ran.</summary>
/// <param name="RequestId">As in <see cref="ProviderEntry"/>.</param>
/// <param name="Began">When it came.</param>
/// <param name="Ended">Just before its last bytes left, or when its caller was found to be gone; null while it runs.</param>
public readonly record struct ProviderSpan(string RequestId, DateTimeOffset Began, DateTimeOffset? Ended);

/// <summary>The provider's own log: exact totals, and the last 50,000 calls. Thread-safe.</summary>
public sealed class ProviderLog(TimeProvider? time = null)
{
    private const int Kept = 50_000;

    private readonly Lock _gate = new();
    private readonly TimeProvider _time = time ?? TimeProvider.System;
    private readonly ProviderEntry?[] _ring = new ProviderEntry?[Kept];
    private readonly Queue<ChatCall> _begun = new();
    private ProviderTotals _totals;
    private long _seq;
    private int _running, _most, _read;

    /// <summary>The totals since the start.</summary>
    public ProviderTotals Totals
    {
        get
        {
            lock (_gate)
                return _totals;
        }
    }

    /// <summary>Calls that came and have not ended.</summary>
    public int Running
    {
        get
        {
            lock (_gate)
                return _running;
        }
    }

    /// <summary>Calls whose request has come whole, so far.</summary>
    public int Read => Volatile.Read(ref _read);

    /// <summary>The most that ran at the same time, so far.</summary>
    public int MostRunning
    {
        get
        {
            lock (_gate)
                return _most;
        }
    }

    /// <summary>
    /// Up to <paramref name="limit"/> calls with a greater <see cref="ProviderEntry.Seq"/>, oldest first; those no longer kept are left out.
    /// </summary>
    public IReadOnlyList<ProviderEntry> Entries(long after = 0, int limit = Kept)
    {
        lock (_gate)
        {
            var entries = new List<ProviderEntry>();
            for (var seq = Math.Max(after, _seq - Kept) + 1; seq <= _seq && entries.Count < limit; seq++)
                entries.Add(_ring[seq % Kept]!);
            return entries;
        }
    }

    /// <summary>The ended calls that came with this <c>x-request-id</c>, oldest first; one for each attempt of the gateway.</summary>
    public IReadOnlyList<ProviderEntry> Find(string requestId) => [.. Entries().Where(entry => entry.RequestId == requestId)];

    /// <summary>Waits for the one call with this <c>x-request-id</c> to end; throws when there are several.</summary>
    public async Task<ProviderEntry> EndOfAsync(string requestId)
    {
        IReadOnlyList<ProviderEntry> found = [];
        await Eventually.TrueAsync($"the provider's call {requestId} has ended", () => (found = Find(requestId)).Count > 0, detail: () => $"{Running} are running");
        return found.Single();
    }

    /// <summary>When each of the last 50,000 calls ran, in the order in which they came.</summary>
    public IReadOnlyList<ProviderSpan> Spans()
    {
        lock (_gate)
            return [.. _begun.Select(call => new ProviderSpan(call.RequestId, call.Began, call.Ended))];
    }

    internal void Begun(ChatCall call)
    {
        lock (_gate)
        {
            _most = Math.Max(_most, ++_running);
            call.Began = _time.GetUtcNow();
            if (_begun.Count == Kept)
                _begun.Dequeue();
            _begun.Enqueue(call);
        }
    }

    /// <summary>Runs no more; said before the last bytes leave, so whoever has read them never finds the call running.</summary>
    internal void WasRead() => Interlocked.Increment(ref _read);

    internal void Ended(ChatCall call)
    {
        lock (_gate)
        {
            if (call.Ended is not null)
                return;
            _running--;
            call.Ended = _time.GetUtcNow();
        }
    }

    internal void Completed(ChatCall call) => End(call, call.OutputTokens, 200, ProviderEnding.Completed, t => t with
    {
        Requests = t.Requests + 1,
        InputTokens = t.InputTokens + call.InputTokens,
        OutputTokens = t.OutputTokens + call.OutputTokens,
    });

    internal void Cut(ChatCall call, int produced, ProviderEnding ending) => End(call, produced, 499, ending, t => t with
    {
        Cut = t.Cut + 1,
        CutInputTokens = t.CutInputTokens + call.InputTokens,
        CutOutputTokens = t.CutOutputTokens + produced,
    });

    internal void Failed(ChatCall call, int status) =>
        End(call, 0, status, ProviderEnding.Failed, t => t with { Failed = t.Failed + 1 });

    /// <summary>In the log as failed, and running until the caller goes.</summary>
    internal void Hanging(ChatCall call)
    {
        lock (_gate)
        {
            Add(call, 0, 499, ProviderEnding.Failed);
            _totals = _totals with { Failed = _totals.Failed + 1 };
        }
    }

    private void End(ChatCall call, int output, int status, ProviderEnding ending, Func<ProviderTotals, ProviderTotals> count)
    {
        lock (_gate)
        {
            _totals = count(_totals);
            Add(call, output, status, ending);
            Ended(call);
        }
    }

    private void Add(ChatCall call, int output, int status, ProviderEnding ending)
    {
        _seq++;
        _ring[_seq % Kept] = new ProviderEntry(_seq, call.RequestId, call.Model, call.Stream, call.InputTokens, output, status, ending, call.Bound)
        {
            CachedInputTokens = call.CachedInputTokens,
            CacheWriteTokens = call.CacheWriteTokens,
            CacheWrite1hTokens = call.CacheWrite1hTokens,
            ImageTokens = call.ImageTokens,
            AudioTokens = call.AudioTokens,
            Images = call.Images,
            Seconds = call.Seconds,
            Characters = call.Characters,
            FileBytes = call.FileBytes,
        };
    }
}
