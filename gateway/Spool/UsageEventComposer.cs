using Quota.Shared.Amounts;
using Quota.Shared.Usage;

namespace Quota.Gateway.Spool;

/// <summary>Makes the usage event of what was known before and after the call. Deterministic: the same records give the same bytes.</summary>
internal static class UsageEventComposer
{
    public static UsageEvent Compose(BeginRecord begin, CallOutcome outcome, string instance, long seq)
    {
        var price = begin.PriceFunction;
        return new UsageEvent
        {
            Id = begin.Id,
            RequestId = begin.Id,
            Instance = instance,
            Seq = seq,
            At = begin.At,
            AtSource = begin.AtSource,
            Org = begin.Org,
            Team = begin.Team,
            User = begin.User,
            KeyId = begin.KeyId,
            Subscription = begin.Subscription,
            Environment = begin.Environment,
            Provider = begin.Provider,
            Upstream = begin.Upstream,
            Route = begin.Route,
            Model = begin.Model,
            ResponseModel = outcome.ResponseModel,
            Stream = begin.Stream,
            StartedAt = begin.StartedAt,
            FirstByteAt = outcome.FirstByteAt,
            EndedAt = outcome.EndedAt,
            Status = outcome.Status,
            HttpStatus = outcome.HttpStatus,
            ProviderRequestId = outcome.ProviderRequestId,
            Usage = outcome.Usage,
            Estimated = outcome.Estimated,
            UsageRaw = outcome.UsageRaw,
            PriceVersion = begin.Price.Version,
            Cost = (price.Amount(outcome.Usage).ToDecimal() / NanoUnits.PerMajor(price.Currency)).ToString("0.##################", CultureInfo.InvariantCulture),
            Held = begin.Held,
            Currency = begin.Price.Currency,
            Counted = [.. begin.Counters.Select(counter => counter.Id)],
            Tags = begin.Tags,
        };
    }

    /// <summary>The outcome of a call whose gateway died: input by estimate, nothing known of its output. Its times are the begin's, so that it is the same each time.</summary>
    public static CallOutcome Abandoned(BeginRecord begin) => new()
    {
        Status = UsageStatus.Abandoned,
        Usage = new UsageCounts { Requests = 1, InputTokens = begin.InputEstimate, Images = begin.Images, BytesIn = begin.BytesIn },
        Estimated = true,
        EndedAt = begin.StartedAt,
    };
}
