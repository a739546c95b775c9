using System.Globalization;
using System.Text.Json.Serialization;
using Dapper;
using Npgsql;
using Quota.Shared.Pricing;

namespace Quota.Billing.Customers;

/// <summary>One dated price of a model, per million tokens. It is never changed: a later row takes over.</summary>
internal sealed record DatedPrice
{
    public string Provider { get; init; } = "";

    public string Model { get; init; } = "";

    public DateTimeOffset EffectiveFrom { get; init; }

    public string Currency { get; init; } = "";

    public decimal Input { get; init; }

    public decimal? CachedInput { get; init; }

    public decimal? CacheWrite { get; init; }

    /// <summary>Of what is kept in a cache for an hour; null: <see cref="CacheWrite"/> is taken.</summary>
    [JsonPropertyName("cache_write_1h")]
    public decimal? CacheWrite1h { get; init; }

    public decimal Output { get; init; }

    public long? MaxInputTokens { get; init; }

    public long? MaxOutputTokens { get; init; }

    /// <summary>Whether output is billed that the stream does not show; null: unknown.</summary>
    public bool? HiddenOutput { get; init; }

    /// <summary>As gateways get it, named by its date.</summary>
    public ModelPrice ToModelPrice() => new()
    {
        Provider = Provider,
        Model = Model,
        Currency = Currency,
        Input = Input,
        CachedInput = CachedInput,
        CacheWrite = CacheWrite,
        CacheWrite1h = CacheWrite1h,
        Output = Output,
        MaxInputTokens = MaxInputTokens,
        MaxOutputTokens = MaxOutputTokens,
        HiddenOutput = HiddenOutput,
        Version = $"{Provider}/{Model}@{EffectiveFrom.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.FFFFFF'Z'", CultureInfo.InvariantCulture)}",
    };
}

/// <summary>The price book.</summary>
internal sealed class PriceStore(NpgsqlDataSource database)
{
    public const string Columns =
        "provider, model, effective_from, currency, input, cached_input, cache_write, cache_write_1h, output, max_input_tokens, max_output_tokens, "
        + "hidden_output";

    /// <summary>The price in force at a time; null when there was none yet.</summary>
    public async Task<DatedPrice?> FindAsync(string provider, string model, DateTimeOffset at)
    {
        await using var connection = await database.OpenConnectionAsync();
        return await connection.QuerySingleOrDefaultAsync<DatedPrice>($"""
            select {Columns} from model_prices where provider = @provider and model = @model and effective_from <= @at
            order by effective_from desc limit 1
            """, new { provider, model, at });
    }

    /// <returns>False when this model has another price from the same instant on; sending the same again is true.</returns>
    public async Task<bool> AddAsync(DatedPrice price)
    {
        await using var connection = await database.OpenConnectionAsync();
        await connection.ExecuteAsync($"""
            insert into model_prices ({Columns}) values (@Provider, @Model, @EffectiveFrom, @Currency, @Input, @CachedInput, @CacheWrite,
                @CacheWrite1h, @Output, @MaxInputTokens, @MaxOutputTokens, @HiddenOutput)
            on conflict do nothing
            """, price);
        return await connection.QuerySingleAsync<DatedPrice>(
            $"select {Columns} from model_prices where provider = @Provider and model = @Model and effective_from = @EffectiveFrom", price) == price;
    }
}
