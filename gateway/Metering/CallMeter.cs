using System.Text.Json;
using Quota.Gateway.Limits;
using Quota.Gateway.Providers;
using Quota.Gateway.Spool;
using Quota.Shared.Usage;

namespace Quota.Gateway.Metering;

/// <summary>Follows one call from its begin record to its end and ends it exactly once, whoever notices the end first.</summary>
internal sealed class CallMeter(BeginRecord begin, Hold hold, UsageReader reader, CallRecorder recorder, GatewayClock clock)
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
        return recorder.EndAsync(begin, hold, new CallOutcome
        {
            Status = status,
            Usage = usage ?? Estimate(),
            Estimated = usage is null,
            HttpStatus = _httpStatus,
            ProviderRequestId = _providerRequestId,
            ResponseModel = reader.ResponseModel,
            FirstByteAt = _firstByteAt,
            EndedAt = clock.GetUtcNow(),
            UsageRaw = usage is null ? null : RawOf(reader.UsageRaw),
        });
    }

    private UsageCounts Estimate() => new()
    {
        Requests = 1,
        InputTokens = begin.InputEstimate,
        OutputTokens = Math.Min(begin.OutputBound, (reader.OutputBytes + BytesPerTokenEstimate - 1) / BytesPerTokenEstimate),
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
