using Dapper;
using Npgsql;
using Quota.Billing.Metering;

namespace Quota.Billing.Catalog;

/// <summary>Owns the SQL of <c>plans</c> and <c>charges</c>.</summary>
internal sealed class PlanStore(NpgsqlDataSource database)
{
    private const string Columns = "id, code, name, description, invoice_display_name, interval, amount_cents, amount_currency, created_at";

    /// <summary>Stores a plan with its charges, or nothing. False when the code is taken.</summary>
    public async Task<bool> AddAsync(Plan plan)
    {
        await using var connection = await database.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        var added = await connection.ExecuteAsync("""
            insert into plans (id, code, name, description, invoice_display_name, interval, amount_cents, amount_currency, created_at)
            values (@Id, @Code, @Name, @Description, @InvoiceDisplayName, @Interval, @AmountCents, @AmountCurrency, @CreatedAt)
            on conflict (code) do nothing
            """, plan, transaction);
        if (added == 0)
            return false;
        await connection.ExecuteAsync("""
            insert into charges (id, plan_id, billable_metric_id, position, charge_model, invoice_display_name, properties)
            values (@Id, @PlanId, @BillableMetricId, @Position, @ChargeModel, @InvoiceDisplayName, @Properties::jsonb)
            """, plan.Charges, transaction);
        await transaction.CommitAsync();
        return true;
    }

    public async Task<Plan?> FindAsync(string code)
    {
        await using var connection = await database.OpenConnectionAsync();
        var plan = await connection.QuerySingleOrDefaultAsync<Plan>($"select {Columns} from plans where code = @code", new { code });
        return plan is null ? null : (await WithChargesAsync(connection, [plan]))[0];
    }

    public async Task<(IReadOnlyList<Plan> Plans, long Total)> ListAsync(int offset, int count)
    {
        await using var connection = await database.OpenConnectionAsync();
        var total = await connection.QuerySingleAsync<long>("select count(*) from plans");
        var plans = await connection.QueryAsync<Plan>(
            $"select {Columns} from plans order by created_at desc, id desc limit @count offset @offset", new { offset, count });
        return (await WithChargesAsync(connection, [.. plans]), total);
    }

    /// <summary>The charges of a plan in their order, read inside the caller's transaction.</summary>
    public static async Task<IReadOnlyList<Charge>> ChargesAsync(NpgsqlConnection connection, params Guid[] planIds)
    {
        var charges = await connection.QueryAsync<Charge, MetricTerms, Charge>($"""
            select charge.id, charge.plan_id, charge.billable_metric_id, charge.position, charge.charge_model,
                charge.invoice_display_name, charge.properties, metric.code as metric_code, metric.name as metric_name,
                {MetricStore.TermsColumns("metric")}
            from charges charge join billable_metrics metric on metric.id = charge.billable_metric_id
            where charge.plan_id = any(@planIds)
            order by charge.plan_id, charge.position
            """, (charge, terms) => charge with { Metric = terms }, new { planIds });
        return [.. charges];
    }

    /// <summary>False when somebody subscribed to it, now or ever: their invoices refer to its charges.</summary>
    public async Task<bool> RemoveAsync(Guid id)
    {
        await using var connection = await database.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync();
        try
        {
            await connection.ExecuteAsync("delete from charges where plan_id = @id", new { id }, transaction);
            await connection.ExecuteAsync("delete from plans where id = @id", new { id }, transaction);
            await transaction.CommitAsync();
            return true;
        }
        catch (PostgresException inUse) when (inUse.SqlState == PostgresErrorCodes.ForeignKeyViolation)
        {
            return false;
        }
    }

    private static async Task<IReadOnlyList<Plan>> WithChargesAsync(NpgsqlConnection connection, IReadOnlyList<Plan> plans)
    {
        var charges = (await ChargesAsync(connection, [.. plans.Select(plan => plan.Id)])).ToLookup(charge => charge.PlanId);
        foreach (var plan in plans)
            plan.Charges = [.. charges[plan.Id]];
        return plans;
    }
}
