using System.Diagnostics.Metrics;
using Quota.Gateway.Providers;
using Quota.Gateway.Spool;

namespace Quota.Gateway.Diagnostics;

/// <summary>What the gateway counts. OpenTelemetry's <c>gen_ai.*</c> names where they exist; few label values, never a key or a user.</summary>
internal sealed class GatewayMetrics : IDisposable
{
    public const string Name = "Quota.Gateway";

    private readonly Meter _meter = new(Name);
    private readonly Counter<long> _refusals, _calls, _tokens, _shipped, _setAside;

    public GatewayMetrics(CallSpool spool)
    {
        _refusals = _meter.CreateCounter<long>("quota.refusals", description: "Calls that were refused, by reason");
        _calls = _meter.CreateCounter<long>("quota.calls", description: "Calls that were forwarded, by how they ended");
        _tokens = _meter.CreateCounter<long>("gen_ai.client.token.usage", "{token}", "Tokens that were metered, by type");
        _shipped = _meter.CreateCounter<long>("quota.events.shipped", description: "Usage events that the sink confirmed");
        _setAside = _meter.CreateCounter<long>("quota.events.set_aside", description: "Usage events that the sink will never store");
        _meter.CreateObservableGauge("quota.spool.bytes", () => spool.Bytes, "By", "Bytes of the spool on disk");
        _meter.CreateObservableGauge("quota.spool.open_calls", () => spool.OpenCalls, description: "Calls that are begun and not yet settled");
    }

    public void Refused(Refusal refusal) => _refusals.Add(1, new KeyValuePair<string, object?>("reason", refusal.GetType().Name));

    public void CallEnded(BeginRecord begin, CallOutcome outcome)
    {
        _calls.Add(1, new("status", outcome.Status), new("gen_ai.system", begin.Provider), new("estimated", outcome.Estimated));
        _tokens.Add(outcome.Usage.InputTokens, new("gen_ai.token.type", "input"), new("gen_ai.system", begin.Provider));
        _tokens.Add(outcome.Usage.OutputTokens, new("gen_ai.token.type", "output"), new("gen_ai.system", begin.Provider));
    }

    public void Shipped(int events) => _shipped.Add(events);

    public void NotStored(string status) => _setAside.Add(1, new KeyValuePair<string, object?>("status", status));

    public void Dispose() => _meter.Dispose();
}
