namespace Quota.TestKit;

/// <summary>One call as the provider saw it.</summary>
/// <param name="Seq">1, 2, 3 … in the order in which calls ended.</param>
/// <param name="RequestId">The <c>x-request-id</c> that the caller sent, or "".</param>
/// <param name="Model">Model asked for, or "" when the body could not be read.</param>
/// <param name="Stream">Whether SSE was asked for.</param>
/// <param name="InputTokens">Words of the prompt.</param>
/// <param name="OutputTokens">Words sent back.</param>
/// <param name="Status">HTTP status; 499 when the connection ended before the answer did.</param>
public sealed record ProviderEntry(
    long Seq, string RequestId, string Model, bool Stream, int InputTokens, int OutputTokens, int Status);

/// <summary>What the provider would bill (answers completed) and, apart from it, what went wrong.</summary>
/// <param name="Requests">Answers completed.</param>
/// <param name="InputTokens">Of those.</param>
/// <param name="OutputTokens">Of those.</param>
/// <param name="Failed">Calls answered with an error, or never.</param>
/// <param name="Cut">Answers that ended half-way, by <c>fault:cut</c> or because the caller went.</param>
/// <param name="CutInputTokens">Of those.</param>
/// <param name="CutOutputTokens">Sent before the end.</param>
public readonly record struct ProviderTotals(
    long Requests, long InputTokens, long OutputTokens, long Failed, long Cut, long CutInputTokens, long CutOutputTokens);

/// <summary>The provider's own log: exact totals, and the last 50,000 calls. Thread-safe.</summary>
public sealed class ProviderLog
{
    private const int Kept = 50_000;

    private readonly Lock _gate = new();
    private readonly ProviderEntry?[] _ring = new ProviderEntry?[Kept];
    private ProviderTotals _totals;
    private long _seq;

    /// <summary>The totals since the start.</summary>
    public ProviderTotals Totals
    {
        get
        {
            lock (_gate)
                return _totals;
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

    internal void Completed(ChatCall call) => Add(call, call.OutputTokens, 200, t => t with
    {
        Requests = t.Requests + 1,
        InputTokens = t.InputTokens + call.InputTokens,
        OutputTokens = t.OutputTokens + call.OutputTokens,
    });

    internal void Cut(ChatCall call, int sent) => Add(call, sent, 499, t => t with
    {
        Cut = t.Cut + 1,
        CutInputTokens = t.CutInputTokens + call.InputTokens,
        CutOutputTokens = t.CutOutputTokens + sent,
    });

    internal void Failed(ChatCall call, int status) => Add(call, 0, status, t => t with { Failed = t.Failed + 1 });

    private void Add(ChatCall call, int output, int status, Func<ProviderTotals, ProviderTotals> count)
    {
        lock (_gate)
        {
            _totals = count(_totals);
            _seq++;
            _ring[_seq % Kept] = new ProviderEntry(_seq, call.RequestId, call.Model, call.Stream, call.InputTokens, output, status);
        }
    }
}
