using Quota.Gateway.Limits;
using Quota.Shared.ControlPlane;
using Quota.Shared.Pricing;

namespace Quota.Gateway.Tests.Limits;

/// <summary>Makes limits and requests for tests.</summary>
internal static class Some
{
    private static readonly Dictionary<string, ILimitKind> Kinds = LimitsRegistration.Kinds().ToDictionary(kind => kind.Name);

    /// <summary>0.15 USD per million tokens in, 0.60 out.</summary>
    public static readonly PriceFunction Price = new(new ModelPrice { Provider = "openai", Model = "gpt-4o-mini", Currency = "USD", Input = 0.15m, Output = 0.60m, MaxOutputTokens = 16384, Version = "v", HiddenOutput = false });

    public static string Org() => Convert.ToHexStringLower(System.Security.Cryptography.RandomNumberGenerator.GetBytes(16));

    public static Guid Id() => Guid.CreateVersion7(TimeProvider.System.GetUtcNow());

    public static LimitCounter Spend(string org, decimal amount, string node = "node", string code = "month", string zone = "UTC", decimal[]? thresholds = null, string mode = "hard") =>
        Counter(org, new LimitTerms { Meter = Meters.Spend, Amount = amount, Currency = "USD", Window = new LimitWindow { Kind = "month", Timezone = zone }, Thresholds = thresholds ?? [], Mode = mode }, node, code);

    public static LimitCounter Rate(string org, decimal amount, string every = "minute", long? burst = null, string node = "node", string code = "rpm", string meter = Meters.Requests) =>
        Counter(org, new LimitTerms { Meter = meter, Amount = amount, Window = new LimitWindow { Kind = "rate", Every = every, Burst = burst } }, node, code);

    public static LimitCounter AtOnce(string org, decimal amount, string node = "node", string code = "at-once") =>
        Counter(org, new LimitTerms { Meter = Meters.Concurrency, Amount = amount, Window = LimitWindow.None }, node, code);

    public static LimitCounter Tokens(string org, decimal amount, string meter = Meters.TotalTokens, string kind = "day", string node = "node", string code = "tokens", bool clamp = true, string hold = "bounded") =>
        Counter(org, new LimitTerms { Meter = meter, Amount = amount, Window = new LimitWindow { Kind = kind }, Clamp = clamp, Hold = hold }, node, code);

    public static LimitCounter Counter(string org, LimitTerms terms, string node = "node", string code = "limit", DateTimeOffset? since = null) => Counter(org, node, since, (code, terms));

    /// <summary>Several limits on one counter.</summary>
    public static LimitCounter Counter(string org, string node, DateTimeOffset? since, params (string Code, LimitTerms Terms)[] limits)
    {
        foreach (var (code, terms) in limits)
            terms.Mistakes().ShouldBeEmpty(code);
        var first = limits[0].Terms;
        var zone = TimeZoneInfo.FindSystemTimeZoneById(first.Window.Timezone ?? "UTC");
        return new LimitCounter(org, node, CounterName.Identity(node, first, zone.Id, limits[0].Code), zone, Kinds[first.Meter], [.. limits.Select(limit => new Limit(limit.Code, "acme", limit.Terms))], since);
    }

    public static Demand Demand(long input = 100, long? bound = null, long most = 16384, long choices = 1, bool grows = false) =>
        new() { InputTokens = input, Choices = choices, Output = bound ?? most, IsNamed = bound is not null, CanGrow = grows, Price = Price };
}
