using Quota.Gateway.Spool;
using Quota.Shared.Pricing;
using Quota.Shared.Usage;

namespace Quota.Gateway.Tests.Spool;

/// <summary>Records of calls that never were.</summary>
internal static class SomeRecords
{
    public static BeginRecord Begin(int words = 10) => new()
    {
        Id = Guid.CreateVersion7(TimeProvider.System.GetUtcNow()), At = TimeProvider.System.GetUtcNow(), AtSource = "redis", OrgId = "o", Org = "acme", KeyId = "k", Provider = "openai",
        Upstream = "openai", Route = "/v1/chat/completions", Model = "m", Stream = false, StartedAt = TimeProvider.System.GetUtcNow(), InputEstimate = words, OutputBound = 100,
        Price = new ModelPrice { Provider = "openai", Model = "m", Currency = "USD", Input = 0.15m, Output = 0.6m, Version = "v" }, Counters = [],
    };

    public static CallOutcome Outcome(long output = 7) =>
        new() { Status = UsageStatus.Completed, Usage = new UsageCounts { Requests = 1, InputTokens = 10, OutputTokens = output }, EndedAt = DateTimeOffset.UnixEpoch };

    public static async Task<BeginRecord> CallAsync(CallSpool spool)
    {
        var begin = Begin();
        await spool.BeginAsync(begin);
        await spool.EndAsync(begin, Outcome());
        spool.Settled(new SettledRecord(begin.Id, null, null));
        return begin;
    }
}
