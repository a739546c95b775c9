using Dapper;
using Npgsql;
using Quota.Billing.Metering;
using Quota.Billing.Metering.Rollups;

namespace Quota.Billing.Catalog;

/// <summary>Owns the SQL of <c>billable_metrics</c>.</summary>
internal sealed class MetricStore(NpgsqlDataSource database, Aggregations aggregations, TimeProvider clock)
{
    private const string Columns = """
        id, code, name, description, event_code, aggregation_type, field_name, expression, recurring, weighted_interval,
        rounding_function, rounding_precision, filters, created_at
        """;

    /// <summary>The columns of <see cref="MetricTerms"/>, the id first.</summary>
    public static string TermsColumns(string table) => $"""
        {table}.id, {table}.event_code, {table}.aggregation_type, {table}.field_name, {table}.expression, {table}.recurring,
        {table}.rounding_function, {table}.rounding_precision
        """;

    /// <summary>False when the code is taken.</summary>
    public async Task<bool> AddAsync(Metric metric)
    {
        await using var connection = await database.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        var isNew = await connection.ExecuteAsync("""
            insert into billable_metrics (id, code, name, description, event_code, aggregation_type, field_name, expression, recurring, weighted_interval,
                rounding_function, rounding_precision, filters, created_at)
            values (@Id, @Code, @Name, @Description, @EventCode, @AggregationType, @FieldName, @Expression, @Recurring, @WeightedInterval,
                @RoundingFunction, @RoundingPrecision, @Filters, @CreatedAt)
            on conflict (code) do nothing
            """, metric) == 1;
        if (isNew)
            await WantAsync(connection, metric);
        await transaction.CommitAsync();
        return isNew;
    }

    public async Task<Metric?> FindAsync(string code)
    {
        await using var connection = await database.OpenConnectionAsync();
        return await connection.QuerySingleOrDefaultAsync<Metric>($"select {Columns} from billable_metrics where code = @code", new { code });
    }

    /// <summary>The metrics with these ids, in no order; unknown ids are absent.</summary>
    public async Task<IReadOnlyList<Metric>> FindAsync(IEnumerable<Guid> ids)
    {
        await using var connection = await database.OpenConnectionAsync();
        return [.. await connection.QueryAsync<Metric>($"select {Columns} from billable_metrics where id = any(@ids)", new { ids = ids.ToArray() })];
    }

    public async Task<(IReadOnlyList<Metric> Metrics, long Total)> ListAsync(int offset, int count)
    {
        await using var connection = await database.OpenConnectionAsync();
        var total = await connection.QuerySingleAsync<long>("select count(*) from billable_metrics");
        var metrics = await connection.QueryAsync<Metric>(
            $"select {Columns} from billable_metrics order by created_at desc, id desc limit @count offset @offset", new { offset, count });
        return ([.. metrics], total);
    }

    /// <summary>
    /// Changes words and the declared filters, which never change what was billed. How it measures stays: a plan's past invoices must still
    /// be explainable by it. False when there is no such metric.
    /// </summary>
    public async Task<bool> ChangeAsync(Metric metric)
    {
        await using var connection = await database.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        var isThere = await connection.ExecuteAsync(
            "update billable_metrics set name = @Name, description = @Description, filters = @Filters where id = @Id",
            new { metric.Id, metric.Name, metric.Description, metric.Filters }) == 1;
        if (isThere)
            await WantAsync(connection, metric);
        await transaction.CommitAsync();
        return isThere;
    }

    /// <summary>A rollup by what the metric may be filtered by answers by any of it; made now, because nobody should wait for one when asking.</summary>
    private async Task WantAsync(NpgsqlConnection connection, Metric metric)
    {
        if (aggregations[metric.AggregationType].UnitsOf(default) is not null)
            await RollupCatalog.WantAsync(connection, metric.Id, [.. MetricFilter.Keys(metric.Filters).Take(RollupDims.MostKeys)], clock.GetUtcNow());
    }

    /// <summary>False when a plan charges by it.</summary>
    public async Task<bool> RemoveAsync(Guid id)
    {
        await using var connection = await database.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        try
        {
            await RollupCatalog.RetireAsync(connection, id, clock.GetUtcNow());
            await connection.ExecuteAsync("delete from billable_metrics where id = @id", new { id });
            await transaction.CommitAsync();
            return true;
        }
        catch (PostgresException inUse) when (inUse.SqlState == PostgresErrorCodes.ForeignKeyViolation)
        {
            return false;
        }
    }
}
