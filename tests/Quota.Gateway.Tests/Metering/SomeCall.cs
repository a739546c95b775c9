using Quota.Gateway.Limits;
using Quota.Gateway.Metering;
using Quota.Gateway.Providers;
using Quota.Gateway.Spool;
using Quota.Shared.Pricing;

namespace Quota.Gateway.Tests.Metering;

/// <summary>A begun call whose end is only noted. Of a model without a tokenizer, unless it is said: estimates are four bytes a token then.</summary>
internal sealed class SomeCall
{
    public SomeCall(UsageReader reader, Hold? hold = null, Func<long, ValueTask<bool>>? cover = null, bool stream = true, long outputBound = 1000, string model = "some-model", Func<long?>? countInput = null)
    {
        Hold = hold ?? NewHold();
        Meter = new CallMeter(Begin(model, stream, outputBound), Hold, reader, EndAsync, new GatewayClock(TimeProvider.System), cover) { CountInput = countInput };
    }

    public CallMeter Meter { get; }

    public Hold Hold { get; }

    public List<CallOutcome> Ends { get; } = [];

    /// <summary>Called when the call ends.</summary>
    public Action? OnEnd { get; set; }

    public static Hold NewHold(bool stepwise = false, long? clampedTo = null, string[]? warnings = null) =>
        new(Guid.CreateVersion7(DateTimeOffset.UnixEpoch), "o", DateTimeOffset.UnixEpoch, []) { IsStepwise = stepwise, ClampedTo = clampedTo, Warnings = warnings ?? [] };

    private ValueTask EndAsync(BeginRecord begin, Hold hold, CallOutcome outcome)
    {
        Ends.Add(outcome);
        OnEnd?.Invoke();
        return ValueTask.CompletedTask;
    }

    private static BeginRecord Begin(string model, bool stream, long outputBound) => new()
    {
        Id = Guid.CreateVersion7(DateTimeOffset.UnixEpoch),
        At = DateTimeOffset.UnixEpoch,
        AtSource = "redis",
        OrgId = "o",
        Org = "acme",
        KeyId = "k",
        Provider = "openai",
        Upstream = "openai",
        Route = "/v1/chat/completions",
        Model = model,
        Stream = stream,
        StartedAt = DateTimeOffset.UnixEpoch,
        Price = new ModelPrice { Provider = "openai", Model = model, Currency = "USD", Version = "v", Input = 1, Output = 1 },
        InputEstimate = 9,
        OutputBound = outputBound,
        Images = 2,
        BytesIn = 77,
        Counters = [],
    };
}
