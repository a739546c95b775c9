using Dapper;
using Npgsql;
using Quota.Shared.Pricing;

namespace Quota.Billing.Customers;

/// <summary>The price book. A dated price is never changed: a later row takes over.</summary>
internal sealed class PriceStore(NpgsqlDataSource database)
{
    public const string Columns =
        "provider, model, effective_from, currency, input, cached_input, cache_write, cache_write_1h, output, max_input_tokens, max_output_tokens, "
        + "hidden_output, terms";

    internal const string Insert = $"""
        insert into model_prices ({Columns}) values (@Provider, @Model, @EffectiveFrom, @Currency, @Input, @CachedInput, @CacheWrite,
            @CacheWrite1h, @Output, @MaxInputTokens, @MaxOutputTokens, @HiddenOutput, @Terms::jsonb)
        """;

    /// <summary>Of each model the last price at or before <c>@from</c>, and all after it.</summary>
    internal const string InForceFrom = $"""
        select {Columns} from model_prices one where effective_from >= coalesce((
            select max(effective_from) from model_prices other
            where other.provider = one.provider and other.model = one.model and other.effective_from <= @from), '-infinity')
        order by provider, model, effective_from
        """;

    /// <summary>The price in force at a time; null when there was none yet.</summary>
    public async Task<ModelPrice?> FindAsync(string provider, string model, DateTimeOffset at)
    {
        await using var connection = await database.OpenConnectionAsync();
        return (await connection.QuerySingleOrDefaultAsync<PriceRow>($"""
            select {Columns} from model_prices where provider = @provider and model = @model and effective_from <= @at
            order by effective_from desc limit 1
            """, new { provider, model, at }))?.ToPrice();
    }

    /// <param name="price">Dated, to the microsecond that PostgreSQL keeps.</param>
    /// <returns>False when this model has another price from the same instant on; sending the same again is true.</returns>
    public async Task<bool> AddAsync(ModelPrice price)
    {
        await using var connection = await database.OpenConnectionAsync();
        await connection.ExecuteAsync($"{Insert} on conflict do nothing", PriceRow.Of(price));
        var stored = await connection.QuerySingleAsync<PriceRow>(
            $"select {Columns} from model_prices where provider = @Provider and model = @Model and effective_from = @EffectiveFrom", price);
        return stored.ToPrice() == price;
    }

    /// <summary>
    /// Those in force now, those that were within the last day, and those that will be. Gateways choose by the instant of the call, and their clocks
    /// and calls may be behind: so the oldest that has begun is given to them without a date.
    /// </summary>
    public static async Task<IReadOnlyList<ModelPrice>> ForGatewaysAsync(NpgsqlConnection connection, DateTimeOffset now)
    {
        var rows = await connection.QueryAsync<PriceRow>(InForceFrom, new { from = now.AddDays(-1) });
        return
        [
            .. rows.GroupBy(row => (row.Provider, row.Model)).SelectMany(history => history.Select((row, index) =>
                index == 0 && row.EffectiveFrom <= now ? row.ToPrice() with { EffectiveFrom = null } : row.ToPrice())),
        ];
    }
}
