using Quota.Gateway.Limits;
using Quota.Shared.Pricing;

namespace Quota.Gateway.Forwarding;

/// <summary>Finds what of a call has no price. A price that is not known is never 0: the call is refused, with the name of what is missing.</summary>
internal static class Unpriced
{
    /// <summary>What to say; null when all of the call has a price.</summary>
    public static string? Find(AskedCall call, string name, PriceFunction price)
    {
        var (request, rates) = (call.Request, price.Price);
        if (call.Caller.Plan.HasMoney && price.Currency.Code != call.Caller.Org.Currency)
            return $"The price of {name} is in {price.Currency}, the limits are in {call.Caller.Org.Currency}.";
        if (request.WritesCache && !rates.Prices("cache_write_tokens") || request.WritesCacheForAnHour && !rates.Prices("cache_write_1h_tokens"))
            return $"What {name} costs to write to a cache{(request.WritesCacheForAnHour ? " for an hour" : "")} is not known.";
        if (request.ServiceTier is { } tier && !rates.PricesTier(tier))
            return $"What {name} costs at the service tier '{tier}' is not known.";
        if (request.Characters > 0 && !rates.Prices("characters") && rates.Input == 0)
            return $"What {name} costs for a character is not known.";
        if (request.Seconds > 0 && rates is { PerSecond: null, AudioInput: null, Input: 0 })
            return $"What {name} costs for a second of audio is not known.";
        if (call.Target.Route.Kind == "images" && rates is { PerImage: null, ImageOutput: null, Output: 0 })
            return $"What {name} costs for an image is not known.";
        return request.ToolCalls?.Keys.FirstOrDefault(tool => !rates.PricesTool(tool)) is { } unknown
            ? $"What {name} costs for a call of the tool '{unknown}' is not known." : null;
    }
}
