using Quota.Gateway.Limits;
using Quota.Gateway.Metering;
using Quota.Gateway.Spool;
using Quota.Shared.Amounts;
using Quota.Shared.Pricing;

namespace Quota.Gateway.Forwarding;

/// <summary>What is written down of an attempt before it is sent.</summary>
internal static class CallBegin
{
    /// <param name="price">In force at the instant of the reserve.</param>
    public static BeginRecord Of(AskedCall call, Attempt attempt, Hold hold, Demand demand, PriceFunction price, DateTimeOffset startedAt) => new()
    {
        Id = hold.RequestId,
        RequestId = attempt.Number > 1 ? attempt.RequestId : null,
        Attempt = attempt.Number > 1 ? attempt.Number : null,
        At = hold.At,
        AtSource = hold.IsStored ? "redis" : "gateway",
        IsHeld = hold.IsStored,
        OrgId = call.Caller.Org.Id,
        Org = call.Caller.Org.Code,
        Team = call.Caller.Key.Team,
        User = call.Caller.Key.User,
        KeyId = call.Caller.Key.Id,
        Subscription = call.Caller.Key.Subscription,
        Environment = call.Caller.Key.Environment,
        Provider = attempt.Upstream.Provider,
        Upstream = attempt.Upstream.Name,
        Route = call.Target.Route.Template,
        Endpoint = call.Target.Route.Kind,
        Model = call.Model,
        RequestedModel = call.Request.Model != call.Model ? call.Request.Model : null,
        ServiceTier = call.Request.ServiceTier,
        Stream = call.Request.Stream,
        StartedAt = startedAt,
        Tags = call.Caller.Key.Tags.Count > 0 ? call.Caller.Key.Tags : null,
        Price = price.Price,
        PriceFunction = price,
        Markup = demand.Markup != 1 ? demand.Markup : null,
        InputEstimate = EstimateOf(demand.InputTokens, call.Request),
        OutputBound = (hold.ClampedTo ?? demand.Output) * demand.Choices,
        BytesIn = demand.BytesIn,
        Images = demand.Images,
        Seconds = demand.Seconds > 0 ? demand.Seconds : null,
        Characters = demand.Characters > 0 ? demand.Characters : null,
        Held = HeldMoney(hold, demand.Price),
        Counters = CountersOf(hold),
    };

    /// <summary>The same as far as it is known before the reserve and worth keeping with the hold.</summary>
    public static CallNote NoteOf(AskedCall call, Attempt attempt, Demand demand, PriceFunction price) => new()
    {
        RequestId = attempt.Number > 1 ? attempt.RequestId : null,
        Attempt = attempt.Number > 1 ? attempt.Number : null,
        KeyId = call.Caller.Key.Id,
        Team = call.Caller.Key.Team,
        User = call.Caller.Key.User,
        Subscription = call.Caller.Key.Subscription,
        Environment = call.Caller.Key.Environment,
        Tags = call.Caller.Key.Tags.Count > 0 ? call.Caller.Key.Tags : null,
        Provider = attempt.Upstream.Provider,
        Upstream = attempt.Upstream.Name,
        Route = call.Target.Route.Template,
        Endpoint = call.Target.Route.Kind,
        Model = call.Model,
        PriceVersion = price.Price.Version,
        RequestedModel = call.Request.Model != call.Model ? call.Request.Model : null,
        ServiceTier = call.Request.ServiceTier,
        Stream = call.Request.Stream,
        Markup = demand.Markup != 1 ? demand.Markup : null,
        InputEstimate = EstimateOf(demand.InputTokens, call.Request),
        BytesIn = demand.BytesIn,
        Images = demand.Images,
        Seconds = demand.Seconds > 0 ? demand.Seconds : null,
        Characters = demand.Characters > 0 ? demand.Characters : null,
    };

    /// <summary>Input tokens of a call whose usage never comes.</summary>
    public static long EstimateOf(long mostTokens, Providers.ProviderRequest request) =>
        Math.Min(mostTokens, (request.InputBytes + CallMeter.BytesPerTokenEstimate - 1) / CallMeter.BytesPerTokenEstimate);

    private static string? HeldMoney(Hold hold, PriceFunction price)
    {
        foreach (var counter in hold.Counters)
        {
            if (counter.Counter.Terms.IsMoney)
                return NanoUnits.ToText(counter.Quantity, price.Currency);
        }
        return null;
    }

    private static BeginCounter[] CountersOf(Hold hold)
    {
        var counters = new BeginCounter[hold.Counters.Count];
        for (var i = 0; i < counters.Length; i++)
        {
            var held = hold.Counters[i];
            counters[i] = new BeginCounter(held.Id, held.Counter.Terms.Meter, held.Kind, held.EndsAtMs);
        }
        return counters;
    }
}
