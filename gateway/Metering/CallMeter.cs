using Quota.Gateway.Limits;
using Quota.Gateway.Providers;
using Quota.Gateway.Providers.Framing;
using Quota.Gateway.Providers.Tokens;
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

    private readonly KeptText? _text = begin.Stream ? reader.KeepTextOf(begin.Model) : null;
    private int _ended;
    private int? _httpStatus;
    private string? _providerRequestId;
    private DateTimeOffset? _firstByteAt;
    private long? _bytesIn;
    private CallOutcome? _estimate;
    private (UsageCounts? Told, long OutputTokens) _noted;

    public UsageReader Reader => reader;

    public BeginRecord Begin => begin;

    /// <summary>What the input probably has, where it can be told better than by its bytes; asked only when the provider did not tell, and before the request's body is given back.</summary>
    public Func<long?>? CountInput { get; init; }

    /// <summary>Writes down the truth that came after an estimate: <see cref="CallRecorder.CorrectAsync"/>.</summary>
    public Func<BeginRecord, CallOutcome, CallOutcome, ValueTask>? Correct { get; init; }

    /// <summary>Where a stream is known while it runs; null where nobody notes how far it is.</summary>
    public RunningStreams? Running { get; init; }

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

    /// <summary>Another upstream is tried instead of this one.</summary>
    public bool WasTurnedDown { get; set; }

    public bool HasEnded => Volatile.Read(ref _ended) != 0;

    /// <summary>The upstream sent its status and headers.</summary>
    public void Answered(HttpResponseMessage answer)
    {
        (_httpStatus, _providerRequestId) = ((int)answer.StatusCode, RequestIdOf(answer));
        reader.Answered(answer.Headers);
        if (answer.Content.Headers.NonValidated.TryGetValues("Content-Encoding", out var codings))
            reader = DecodedUsage.For(codings.ToString(), reader);
    }

    /// <summary>How many bytes of the request went upstream, where that was not known before.</summary>
    public void Sent(long bytes) => _bytesIn = bytes;

    /// <summary>The answer was a failure, and another upstream is tried instead of passing it on.</summary>
    public ValueTask TurnDownAsync()
    {
        WasTurnedDown = true;
        return EndAsync(UsageStatus.Failed);
    }

    public void FirstByte()
    {
        if (_firstByteAt is not null)
            return;
        _firstByteAt = clock.GetUtcNow();
        if (begin.Stream)
            Running?.Add(this);
    }

    /// <summary>
    /// How far the answer is by what is known without counting: what the provider told, else bytes. Null when it is no further than the last time.
    /// Asked by one thread while another reads on: its numbers may be of neighbouring moments, which is near enough for what is charged as an estimate.
    /// </summary>
    public ProgressRecord? TakeProgress()
    {
        var (usage, told) = (reader.Usage, reader.Usage ?? reader.InputKnown);
        var output = usage?.OutputTokens ?? EstimateOf(0, 0);
        if ((told, output) == _noted || (told is null && output == 0))
            return null;
        _noted = (told, output);
        var progress = new ProgressRecord(begin.Id, clock.GetUtcNow(), told, output, reader.ServiceTier);
        return CanBeCharged(UsageEventComposer.Abandoned(begin, progress)) ? progress : null;
    }

    /// <summary>
    /// Writes the usage event and sends the settle; both before the last byte goes to the client, so that its next call finds the
    /// counters right. Does nothing when the call has ended already.
    /// </summary>
    /// <exception cref="IOException">The spool's disk failed; the call is recovered from its begin record at the next start.</exception>
    public ValueTask EndAsync(string status)
    {
        if (Interlocked.Exchange(ref _ended, 1) != 0)
            return ValueTask.CompletedTask;
        var outcome = OutcomeOf(status, status == UsageStatus.Failed ? new UsageCounts() : reader.Usage);
        if (!CanBeCharged(outcome))
            outcome = OutcomeOf(status, new UsageCounts { Requests = 1, InputTokens = begin.InputEstimate }) with { Estimated = true, ProviderCost = null };
        _estimate = outcome.Estimated ? outcome : null;
        _text?.Dispose();
        Running?.Remove(this);
        return end(begin, hold, outcome);
    }

    /// <summary>After an estimate was written: the truth, should the answer have told it since. Once.</summary>
    public ValueTask CorrectAsync()
    {
        if (Correct is not { } correct || reader.Usage is not { } usage || Interlocked.Exchange(ref _estimate, null) is not { } estimate)
            return ValueTask.CompletedTask;
        var truth = OutcomeOf(estimate.Status, usage);
        return CanBeCharged(truth) ? correct(begin, estimate, truth) : ValueTask.CompletedTask;
    }

    /// <summary>Whether its money can be counted: numbers that no call has come to more than a counter holds, and are believed no more than none.</summary>
    private bool CanBeCharged(CallOutcome outcome)
    {
        try
        {
            var price = begin.PriceOf(outcome);
            price.Cost(outcome.Usage);
            if (!price.IsSpendCost)
                price.Spend(outcome.Usage);
            return true;
        }
        catch (OverflowException)
        {
            return false;
        }
    }

    private CallOutcome OutcomeOf(string status, UsageCounts? usage)
    {
        var counted = usage ?? Estimate();
        return new CallOutcome
        {
            Status = status,
            Usage = status == UsageStatus.Failed ? counted : WithUnits(counted, isEstimate: usage is null),
            Estimated = usage is null,
            WasTurnedDown = WasTurnedDown,
            HttpStatus = _httpStatus,
            ProviderRequestId = _providerRequestId,
            ResponseModel = reader.ResponseModel,
            ServiceTier = reader.ServiceTier,
            ProviderCost = reader.ProviderCost,
            FirstByteAt = _firstByteAt,
            EndedAt = clock.GetUtcNow(),
            UsageRaw = usage is null || reader.UsageRaw is not { } raw ? null : RawJson.TryTake(raw),   // left out when it is no JSON: the event must be written whatever it is
        };
    }

    /// <summary>What was known of units before the call, where the answer does not say: images and characters as they were sent, seconds at their most.</summary>
    private UsageCounts WithUnits(UsageCounts counted, bool isEstimate) => counted with
    {
        Images = counted.Images ?? begin.Images, Characters = counted.Characters ?? begin.Characters, Seconds = counted.Seconds ?? (isEstimate ? begin.Seconds : null), BytesIn = _bytesIn ?? begin.BytesIn,
    };

    /// <summary>
    /// From what passed: counted by the model's tokenizer where that is public and the text was kept, else four bytes a token; never less than a token
    /// for each event with text. What the model thought and did not say is not in it.
    /// </summary>
    private UsageCounts Estimate()
    {
        var (tokens, kept) = _text is null ? (0, 0) : (_text.Tokens(), _text.Length);
        return (reader.InputKnown ?? new UsageCounts { InputTokens = CountInput?.Invoke() ?? begin.InputEstimate }) with
        {
            Requests = 1,
            OutputTokens = EstimateOf(tokens, kept),
        };
    }

    /// <param name="tokens">Counted in the first <paramref name="kept"/> bytes of text.</param>
    private long EstimateOf(long tokens, long kept)
    {
        var rest = (Math.Max(0, reader.OutputBytes - kept) + BytesPerTokenEstimate - 1) / BytesPerTokenEstimate;
        return Math.Min(begin.OutputBound, Math.Max(reader.TextEvents, tokens + rest));
    }

    private static string? RequestIdOf(HttpResponseMessage response)
    {
        foreach (var name in (ReadOnlySpan<string>)["x-request-id", "request-id", "x-amzn-requestid", "apim-request-id"])
        {
            if (!response.Headers.NonValidated.TryGetValues(name, out var ids))
                continue;
            foreach (var id in ids)
                return id.Length <= 256 ? id : null;
        }
        return null;
    }
}
