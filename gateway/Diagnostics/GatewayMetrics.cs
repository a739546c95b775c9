using System.Diagnostics.Metrics;
using Quota.Gateway.Limits;
using Quota.Gateway.Providers;
using Quota.Gateway.Spool;

namespace Quota.Gateway.Diagnostics;

/// <summary>What the gateway counts. OpenTelemetry's <c>gen_ai.*</c> names where they exist; few label values, never a key, a user or a limit.</summary>
internal sealed class GatewayMetrics : IDisposable
{
    public const string Name = "Quota.Gateway";

    private readonly Meter _meter = new(Name);
    private readonly Counter<long> _refusals, _calls, _tokens, _shipped, _setAside, _decisions, _passed, _reaped, _facts, _guards, _corrected, _retries;
    private readonly Histogram<double> _reserve;

    public GatewayMetrics(CallSpool spool)
    {
        _refusals = _meter.CreateCounter<long>("quota.refusals", description: "Calls that were refused, by reason");
        _calls = _meter.CreateCounter<long>("quota.calls", description: "Calls that were forwarded, by how they ended");
        _tokens = _meter.CreateCounter<long>("gen_ai.client.token.usage", "{token}", "Tokens that were metered, by type");
        _shipped = _meter.CreateCounter<long>("quota.events.shipped", description: "Usage events that the sink confirmed");
        _setAside = _meter.CreateCounter<long>("quota.events.set_aside", description: "Usage events that the sink will never store");
        _retries = _meter.CreateCounter<long>("quota.events.ship_retries", description: "Batches that had to be sent again");
        _decisions = _meter.CreateCounter<long>("quota.decisions", description: "What the limiter decided, and by which meter and window it refused");
        _passed = _meter.CreateCounter<long>("quota.limits.passed", description: "Calls that a soft or shadow limit would have refused");
        _reaped = _meter.CreateCounter<long>("quota.holds.reaped", description: "Holds that were charged provisionally because their gateway fell silent");
        _facts = _meter.CreateCounter<long>("quota.facts", description: "Thresholds crossed, calls over their hold and holds reaped that were told, by kind");
        _guards = _meter.CreateCounter<long>("quota.store.guards", description: "Guards that found the counters not to be believed");
        _corrected = _meter.CreateCounter<long>("quota.events.corrected", description: "Estimates that the provider's own numbers corrected later");
        _reserve = _meter.CreateHistogram<double>("quota.reserve.duration", "s", "Time to a decision",
            advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.00005, 0.0001, 0.0002, 0.0003, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.05, 0.1, 0.5, 1] });
        _meter.CreateObservableGauge("quota.spool.bytes", () => spool.Bytes, "By", "Bytes of the spool on disk");
        _meter.CreateObservableGauge("quota.spool.share", () => spool.Share, "1", "Of the bytes that the spool may have, those that it has or keeps for running calls; beyond 1 calls are refused");
        _meter.CreateObservableGauge("quota.spool.open_calls", () => spool.OpenCalls, description: "Calls that are begun and not yet settled");
    }

    public void Refused(Refusal refusal) => _refusals.Add(1, new KeyValuePair<string, object?>("reason", refusal.GetType().Name));

    public void Decided(ReserveDecision decision, TimeSpan took)
    {
        _reserve.Record(took.TotalSeconds);
        switch (decision)
        {
            case ReserveDecision.Held it:
                _decisions.Add(1, new KeyValuePair<string, object?>("outcome", !it.Hold.IsStored ? "admitted_unheld" : it.Hold.ClampedTo is null ? "held" : "clamped"));
                break;
            case ReserveDecision.Refused it:
                Add("refused", it.Binding.Limit);
                break;
            case ReserveDecision.NeverFits it:
                Add("never_fits", it.Limit.Limit);
                break;
            default:
                _decisions.Add(1, new KeyValuePair<string, object?>("outcome", "unavailable"));
                break;
        }

        void Add(string outcome, Limit limit) => _decisions.Add(1, new("outcome", outcome), new("meter", limit.Terms.Meter), new("window", limit.Terms.Window.Kind));
    }

    /// <summary>A call went through a limit that is not hard.</summary>
    public void Passed(Limit limit) => _passed.Add(1, new("mode", limit.Terms.Mode), new("meter", limit.Terms.Meter), new("window", limit.Terms.Window.Kind));

    public void Reaped(int holds) => _reaped.Add(holds);

    public void Fact(string kind) => _facts.Add(1, new KeyValuePair<string, object?>("kind", kind));

    public void GuardFailed(string guard) => _guards.Add(1, new KeyValuePair<string, object?>("guard", guard));

    public void CallEnded(BeginRecord begin, CallOutcome outcome)
    {
        _calls.Add(1, new("status", outcome.Status), new("gen_ai.system", begin.Provider), new("estimated", outcome.Estimated));
        _tokens.Add(outcome.Usage.InputTokens, new("gen_ai.token.type", "input"), new("gen_ai.system", begin.Provider));
        _tokens.Add(outcome.Usage.OutputTokens, new("gen_ai.token.type", "output"), new("gen_ai.system", begin.Provider));
    }

    public void Corrected(BeginRecord begin) => _corrected.Add(1, new KeyValuePair<string, object?>("gen_ai.system", begin.Provider));

    public void Shipped(int events) => _shipped.Add(events);

    public void ShippedAgain() => _retries.Add(1);

    public void NotStored(string status) => _setAside.Add(1, new KeyValuePair<string, object?>("status", status));

    public void Dispose() => _meter.Dispose();
}
