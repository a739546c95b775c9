using System.Text.Json;
using Quota.Gateway.Limits;
using Quota.Gateway.Providers;
using Quota.Gateway.Spool;
using Quota.Shared.Usage;

namespace Quota.Gateway.Metering;

/// <summary>Follows one call from its begin record to its end and ends it exactly once, whoever notices the end first.</summary>
/// <param name="end">Writes down and settles an ended call: <see cref="CallRecorder.EndAsync"/>.</param>
/// <param name="cover">
/// Sees to it that the hold covers so many output tokens over all choices; false when it cannot, and then the answer is cut. Must not
/// throw. Null when nothing can stop the answer.
/// </param>
internal sealed class CallMeter(
    BeginRecord begin, Hold hold, UsageReader reader, Func<BeginRecord, Hold, CallOutcome, ValueTask> end, GatewayClock clock, Func<long, ValueTask<bool>>? cover = null)
{
    /// <summary>How many bytes a token is taken to have when the provider reports no usage.</summary>
    public const int BytesPerTokenEstimate = 4;

    private int _ended;
    private int? _httpStatus;
    private string? _providerRequestId;
    private DateTimeOffset? _firstByteAt;

    public UsageReader Reader => reader;

    public BeginRecord Begin => begin;

    /// <summary>The upstream answered with success, so it bills, whether or not a byte came through.</summary>
    public bool HasServed => _firstByteAt is not null || _httpStatus is >= 200 and < 300;

    /// <summary>
    /// Text may go out only as far as <see cref="CoverAsync"/> says: always for a stepwise hold, and for any stream whose hold is lost. An
    /// answer that is no stream cannot be cut and passes whole.
    /// </summary>
    public bool MayBeCut => cover is not null && begin.Stream && (hold.IsStepwise || hold.IsLost);

    /// <summary>What the call counts as now: the provider's numbers if they came, else the estimate.</summary>
    public UsageCounts Counted => reader.Usage ?? Estimate();

    /// <summary>
    /// Whether so many bytes of generated text, over all choices, may have gone to the client; asked before they go. They are tokens at
    /// most one to one, and never more than the upstream was bound to.
    /// </summary>
    public ValueTask<bool> CoverAsync(long outputBytes) => cover is null ? ValueTask.FromResult(true) : cover(Math.Min(outputBytes, begin.OutputBound));

    /// <summary>The upstream sent its status and headers.</summary>
    public void Answered(int status, string? providerRequestId) =>
        (_httpStatus, _providerRequestId) = (status, providerRequestId is { Length: <= 256 } ? providerRequestId : null);

    public void FirstByte() => _firstByteAt ??= clock.GetUtcNow();

    /// <summary>
    /// Writes the usage event and sends the settle; both before the last byte goes to the client, so that its next call finds the
    /// counters right. Does nothing when the call has ended already.
    /// </summary>
    /// <exception cref="IOException">The spool's disk failed; the call is recovered from its begin record at the next start.</exception>
    public ValueTask EndAsync(string status)
    {
        if (Interlocked.Exchange(ref _ended, 1) != 0)
            return ValueTask.CompletedTask;
        var usage = status == UsageStatus.Failed ? new UsageCounts() : reader.Usage;
        var counted = usage ?? Estimate();
        return end(begin, hold, new CallOutcome
        {
            Status = status,
            Usage = status == UsageStatus.Failed ? counted : counted with { Images = begin.Images, BytesIn = begin.BytesIn },
            Estimated = usage is null,
            HttpStatus = _httpStatus,
            ProviderRequestId = _providerRequestId,
            ResponseModel = reader.ResponseModel,
            FirstByteAt = _firstByteAt,
            EndedAt = clock.GetUtcNow(),
            UsageRaw = usage is null ? null : RawOf(reader.UsageRaw),
        });
    }

    private UsageCounts Estimate() => (reader.InputKnown ?? new UsageCounts { InputTokens = begin.InputEstimate }) with
    {
        Requests = 1,
        OutputTokens = Math.Min(begin.OutputBound, Math.Max(reader.TextEvents, (reader.OutputBytes + BytesPerTokenEstimate - 1) / BytesPerTokenEstimate)),
    };

    /// <summary>The provider's usage object as it came; left out when it is no JSON after all, because the event must be written whatever it is.</summary>
    private static JsonElement? RawOf(byte[]? raw)
    {
        try
        {
            return raw is null ? null : JsonElement.Parse(raw);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
