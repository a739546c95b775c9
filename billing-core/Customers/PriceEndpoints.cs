using Quota.Billing.Http;

namespace Quota.Billing.Customers;

/// <summary><c>/api/v1/prices/{provider}/{model}</c>, effective-dated. A model's name may hold slashes.</summary>
internal static class PriceEndpoints
{
    private const decimal Most = 1_000_000m;

    public static void MapPrices(this WebApplication app)
    {
        app.MapPut("/api/v1/prices/{provider}/{**model}", Put);
        app.MapGet("/api/v1/prices/{provider}/{**model}", Get);
    }

    private static async Task<IResult> Put(string provider, string? model, JsonBody body, PriceStore store, TimeProvider clock)
    {
        if (!IsName(provider) || !IsName(model))
            return ApiErrors.NotFound("model");
        var input = body.Root("price");
        var now = Microseconds(clock.GetUtcNow());
        var price = Read(input, provider, model!, input.Time("effective_from") is { } from ? Microseconds(from) : now);
        if (!input.Validation.IsValid)
            return ApiErrors.Unprocessable(input.Validation);
        // Setting the price that is in force again, undated, is no news: a script that runs twice leaves one row.
        var current = input.Mentions("effective_from") ? null : await store.FindAsync(provider, model!, now);
        if (current is not null && current with { EffectiveFrom = price.EffectiveFrom } == price)
            return Answers.One("price", current);
        return await store.AddAsync(price) ? Answers.One("price", price) : ApiErrors.Unprocessable("effective_from", Mistake.AlreadyExists);
    }

    private static async Task<IResult> Get(string provider, string? model, PriceStore store, TimeProvider clock) =>
        await store.FindAsync(provider, model ?? "", clock.GetUtcNow()) is { } price
            ? Answers.One("price", price) : ApiErrors.NotFound("price");

    private static DatedPrice Read(Input input, string provider, string model, DateTimeOffset from)
    {
        var price = new DatedPrice
        {
            Provider = provider,
            Model = model,
            EffectiveFrom = from,
            Currency = input.Text("currency")?.ToUpperInvariant() ?? "USD",
            Input = Bounded(input, "input", input.RequiredDecimal("input")) ?? 0,
            CachedInput = Bounded(input, "cached_input", input.Decimal("cached_input")),
            CacheWrite = Bounded(input, "cache_write", input.Decimal("cache_write")),
            CacheWrite1h = Bounded(input, "cache_write_1h", input.Decimal("cache_write_1h")),
            Output = Bounded(input, "output", input.RequiredDecimal("output")) ?? 0,
            MaxInputTokens = input.Whole("max_input_tokens", 1, long.MaxValue),
            MaxOutputTokens = input.Whole("max_output_tokens", 1, long.MaxValue),
            HiddenOutput = input.Flag("hidden_output"),
        };
        input.Refuse(price.ToModelPrice().Mistakes());
        return price;
    }

    private static decimal? Bounded(Input input, string field, decimal? value)
    {
        if (value is null or (>= 0 and <= Most))
            return value;
        input.Refuse(field, $"{value} must lie between 0 and {Most} per million tokens");
        return 0;
    }

    private static bool IsName(string? text) => text is { Length: > 0 and <= 255 };

    /// <summary>What PostgreSQL keeps, so that the answer is what is stored.</summary>
    private static DateTimeOffset Microseconds(DateTimeOffset time) => new(time.Ticks - (time.Ticks % TimeSpan.TicksPerMicrosecond), TimeSpan.Zero);
}
