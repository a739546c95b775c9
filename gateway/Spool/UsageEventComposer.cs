using Quota.Gateway.Limits;
using Quota.Shared.Amounts;
using Quota.Shared.Usage;

namespace Quota.Gateway.Spool;

/// <summary>Makes the usage event of what was known before and after the call. Deterministic: the same records give the same bytes.</summary>
internal static class UsageEventComposer
{
    public static UsageEvent Compose(BeginRecord begin, CallOutcome outcome, string instance, long seq)
    {
        var price = begin.PriceOf(outcome);
        return new UsageEvent
        {
            Id = begin.Id,
            RequestId = begin.RequestId ?? begin.Id,
            Attempt = begin.Attempt ?? 1,
            Corrects = begin.Corrects,
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
            Endpoint = begin.Endpoint,
            Model = begin.Model,
            RequestedModel = begin.RequestedModel,
            ResponseModel = outcome.ResponseModel,
            ServiceTier = outcome.ServiceTier ?? begin.ServiceTier,
            Stream = begin.Stream,
            StartedAt = begin.StartedAt,
            FirstByteAt = outcome.FirstByteAt,
            EndedAt = outcome.EndedAt,
            Status = outcome.Status,
            HttpStatus = outcome.HttpStatus,
            ProviderRequestId = outcome.ProviderRequestId,
            Usage = outcome.InsteadOf is { } before ? outcome.Usage.Minus(before.Usage) : outcome.Usage,
            Estimated = outcome.Estimated,
            UsageRaw = outcome.UsageRaw,
            PriceVersion = begin.Price.Version,
            Cost = CostText(price, begin, outcome),
            CostSource = price.SaidCost is null ? null : UsageEvent.OfProvider,
            Spend = SpendText(price, begin, outcome),
            Held = begin.Held,
            Currency = begin.Price.Currency,
            Counted = [.. begin.Counters.Select(counter => counter.Id)],
            Tags = begin.Tags,
        };
    }

    private static string? CostText(CallPrice price, BeginRecord begin, CallOutcome outcome)
    {
        if (begin.IsUnpriced && price.SaidCost is null)
            return null;
        if (outcome.InsteadOf is { } before)
            return Text(price.Cost(outcome.Usage), begin.PriceOf(before).Cost(before.Usage), price);
        return price.SaidCost is { } said ? said.ToString("0.############################", CultureInfo.InvariantCulture) : Text(price.Cost(outcome.Usage), default, price);
    }

    /// <summary>Only where it differs from the cost.</summary>
    private static string? SpendText(CallPrice price, BeginRecord begin, CallOutcome outcome)
    {
        if (outcome.InsteadOf is not { } before)
            return price.IsSpendCost || begin.IsUnpriced ? null : Text(price.Spend(outcome.Usage), default, price);
        var then = begin.PriceOf(before);
        return price.IsSpendCost && then.IsSpendCost ? null : Text(price.Spend(outcome.Usage), then.Spend(before.Usage), price);
    }

    /// <summary>Major units, exactly: a billionth of a nano-unit is the 18th decimal, of some currencies the 19th.</summary>
    private static string Text(ExactNanos amount, ExactNanos before, CallPrice price) =>
        ((amount.ToDecimal() - before.ToDecimal()) / NanoUnits.PerMajor(price.Price.Currency)).ToString("0.###################", CultureInfo.InvariantCulture);

    /// <summary>
    /// The outcome of a call whose gateway died: input by the provider's word or by estimate, output as far as the last progress record saw it. Its
    /// times are those of the records, so that it is the same each time.
    /// </summary>
    public static CallOutcome Abandoned(BeginRecord begin, ProgressRecord? progress = null) => begin.Corrects is null
        ? new()
        {
            Status = UsageStatus.Abandoned,
            Usage = (progress?.Told ?? new UsageCounts { InputTokens = begin.InputEstimate }) with
            {
                Requests = 1, OutputTokens = progress?.OutputTokens ?? 0, Images = progress?.Told?.Images ?? begin.Images, BytesIn = begin.BytesIn,
                Seconds = progress?.Told?.Seconds ?? begin.Seconds, Characters = progress?.Told?.Characters ?? begin.Characters,
            },
            ServiceTier = progress?.ServiceTier,
            Estimated = true,
            EndedAt = progress?.At ?? begin.StartedAt,
        }
        : new()
        {
            Status = UsageStatus.Abandoned,
            Usage = new UsageCounts(),   // a correction that was not written puts nothing right
            InsteadOf = new CallOutcome { Status = UsageStatus.Abandoned, Usage = new UsageCounts(), EndedAt = begin.StartedAt },
            Estimated = true,
            EndedAt = begin.StartedAt,
        };
}
