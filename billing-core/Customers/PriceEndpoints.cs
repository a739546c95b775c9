using Quota.Billing.Http;

namespace Quota.Billing.Customers;

/// <summary><c>/api/v1/prices/{provider}/{model}</c>, effective-dated. A model's name may hold slashes.</summary>
internal static class PriceEndpoints
{
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
        var price = PriceInput.Read(input, provider, model!, input.Time("effective_from") is { } from ? Microseconds(from) : now);
        if (!input.Validation.IsValid)
            return ApiErrors.Unprocessable(input.Validation);
        // Setting the price that is in force again, undated, is no news: a script that runs twice leaves one row.
        var current = input.Mentions("effective_from") ? null : await store.FindAsync(provider, model!, now);
        if (current is not null && current with { EffectiveFrom = price.EffectiveFrom, Version = price.Version } == price)
            return Answers.One("price", current);
        return await store.AddAsync(price) ? Answers.One("price", price) : ApiErrors.Unprocessable("effective_from", Mistake.AlreadyExists);
    }

    private static async Task<IResult> Get(string provider, string? model, PriceStore store, TimeProvider clock) =>
        await store.FindAsync(provider, model ?? "", clock.GetUtcNow()) is { } price
            ? Answers.One("price", price) : ApiErrors.NotFound("price");

    private static bool IsName(string? text) => text is { Length: > 0 and <= 255 };

    /// <summary>What PostgreSQL keeps, so that the answer is what is stored.</summary>
    private static DateTimeOffset Microseconds(DateTimeOffset time) => new(time.Ticks - (time.Ticks % TimeSpan.TicksPerMicrosecond), TimeSpan.Zero);
}
