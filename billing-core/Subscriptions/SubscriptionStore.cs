using Dapper;
using Npgsql;
using Quota.Billing.Invoicing;
using Quota.Billing.Metering;

namespace Quota.Billing.Subscriptions;

/// <summary>Owns the SQL of <c>subscriptions</c>.</summary>
internal sealed class SubscriptionStore(NpgsqlDataSource database)
{
    /// <summary>Every read selects this, so that a subscription always comes with its customer and plan.</summary>
    public const string Select = """
        select subscription.id, subscription.external_id, subscription.customer_id, subscription.plan_id, subscription.name,
            subscription.status, subscription.billing_time, subscription.subscription_at, subscription.started_at,
            subscription.terminated_at, subscription.created_at, subscription.period_from, subscription.period_to,
            customer.external_id as external_customer_id, customer.timezone,
            plan.code as plan_code, plan.name as plan_name, plan.invoice_display_name as plan_invoice_display_name,
            plan.amount_cents as plan_amount_cents, plan.amount_currency as plan_amount_currency
        from subscriptions subscription
        join customers customer on customer.id = subscription.customer_id
        join plans plan on plan.id = subscription.plan_id
        """;

    /// <summary>
    /// False when a live subscription has this external id already, or when one that ended still ran at the new one's start: events name
    /// a subscription by its external id only, and would be billed to both.
    /// </summary>
    public async Task<bool> AddAsync(Subscription subscription)
    {
        await using var connection = await database.OpenConnectionAsync();
        return await connection.ExecuteAsync("""
            insert into subscriptions (id, external_id, customer_id, plan_id, name, status, billing_time, subscription_at, started_at,
                created_at, period_from, period_to)
            select @Id, @ExternalId, @CustomerId, @PlanId, @Name, @Status, @BillingTime, @SubscriptionAt, @StartedAt,
                @CreatedAt, @PeriodFrom, @PeriodTo
            where not exists (select 1 from subscriptions old
                where old.external_id = @ExternalId and old.started_at is not null and old.terminated_at > @SubscriptionAt)
            on conflict (external_id) where status in ('pending', 'active') do nothing
            """, subscription) == 1;
    }

    /// <summary>The live one of this external id, else the one that ended last.</summary>
    public async Task<Subscription?> FindAsync(string externalId)
    {
        await using var connection = await database.OpenConnectionAsync();
        return await connection.QueryFirstOrDefaultAsync<Subscription>($"""
            {Select}
            where subscription.external_id = @externalId
            order by subscription.status in ('pending', 'active') desc, subscription.created_at desc
            limit 1
            """, new { externalId });
    }

    /// <summary>When the last one of this external id ended that ever ran; null when there is none.</summary>
    public async Task<DateTimeOffset?> LastEndAsync(string externalId)
    {
        await using var connection = await database.OpenConnectionAsync();
        return await connection.QuerySingleOrDefaultAsync<DateTimeOffset?>("""
            select terminated_at from subscriptions
            where external_id = @externalId and started_at is not null and terminated_at is not null
            order by terminated_at desc
            limit 1
            """, new { externalId });
    }

    /// <summary>Before which no usage can be billed any more; null when all events are there.</summary>
    public async Task<DateTimeOffset?> EventCutAsync()
    {
        await using var connection = await database.OpenConnectionAsync();
        return await EventCut.ReadAsync(connection, CancellationToken.None);
    }

    /// <summary>The customer who may subscribe; null when there is none.</summary>
    public async Task<Subscriber?> FindSubscriberAsync(string externalCustomerId)
    {
        await using var connection = await database.OpenConnectionAsync();
        return await connection.QuerySingleOrDefaultAsync<Subscriber>("""
            select id, external_id, timezone, currency from customers where external_id = @externalCustomerId and deleted_at is null
            """, new { externalCustomerId });
    }

    public async Task<(IReadOnlyList<Subscription> Subscriptions, long Total)> ListAsync(
        string? externalCustomerId, string? planCode, IReadOnlyCollection<string> statuses, int offset, int count)
    {
        const string Where = """
            where subscription.status = any(@statuses)
                and (@externalCustomerId::text is null or customer.external_id = @externalCustomerId and customer.deleted_at is null)
                and (@planCode::text is null or plan.code = @planCode)
            """;
        var arguments = new { externalCustomerId, planCode, statuses = statuses.ToArray(), offset, count };
        await using var connection = await database.OpenConnectionAsync();
        var total = await connection.QuerySingleAsync<long>($"select count(*) from ({Select} {Where}) matching", arguments);
        var rows = await connection.QueryAsync<Subscription>(
            $"{Select} {Where} order by subscription.created_at desc, subscription.id desc limit @count offset @offset", arguments);
        return ([.. rows], total);
    }

    public async Task RenameAsync(Guid id, string? name)
    {
        await using var connection = await database.OpenConnectionAsync();
        await connection.ExecuteAsync("update subscriptions set name = @name where id = @id", new { id, name });
    }

    /// <summary>
    /// Ends a live subscription: a pending one is canceled, an active one is billed up to now. False when it is live no more.
    /// Periods that ended before and are not billed yet stay due.
    /// </summary>
    public async Task<bool> EndAsync(Guid id, DateTimeOffset now)
    {
        await using var connection = await database.OpenConnectionAsync();
        return await connection.ExecuteAsync("""
            update subscriptions set
                status = case status when 'pending' then 'canceled' else 'terminated' end,
                terminated_at = @now,
                period_from = case when period_from < @now then period_from end,
                period_to = case when period_from < @now then least(period_to, @now) end
            where id = @id and status in ('pending', 'active')
            """, new { id, now }) == 1;
    }

    /// <summary>Locks one pending subscription whose time has come; null when there is none (left).</summary>
    public static async Task<Subscription?> TakeStartingAsync(NpgsqlTransaction transaction, DateTimeOffset now) =>
        await transaction.Connection!.QuerySingleOrDefaultAsync<Subscription>($"""
            {Select}
            where subscription.status = 'pending' and subscription.subscription_at <= @now
            order by subscription.subscription_at
            limit 1
            for update of subscription skip locked
            """, new { now }, transaction);

    public static Task StartAsync(NpgsqlTransaction transaction, Guid id, BillingPeriod first) => transaction.Connection!.ExecuteAsync("""
        update subscriptions set status = 'active', started_at = @From, period_from = @From, period_to = @To where id = @id
        """, new { id, first.From, first.To }, transaction);

    /// <summary>Locks the subscription whose unbilled period ended longest ago, but for <paramref name="except"/>; null when none is due.</summary>
    public static async Task<Subscription?> TakeDueAsync(NpgsqlTransaction transaction, DateTimeOffset now, IReadOnlyCollection<Guid> except) =>
        await transaction.Connection!.QuerySingleOrDefaultAsync<Subscription>($"""
            {Select}
            where subscription.period_to <= @now and subscription.id <> all(@except)
            order by subscription.period_to, subscription.id
            limit 1
            for update of subscription skip locked
            """, new { now, except = except.ToArray() }, transaction);

    /// <summary>After a period was billed: what is to be billed next, or nothing.</summary>
    public static Task AdvanceAsync(NpgsqlTransaction transaction, Guid id, BillingPeriod? next) => transaction.Connection!.ExecuteAsync(
        "update subscriptions set period_from = @From, period_to = @To where id = @id", new { id, next?.From, next?.To }, transaction);

    public async Task<Subscription> GetAsync(Guid id)
    {
        await using var connection = await database.OpenConnectionAsync();
        return await connection.QuerySingleAsync<Subscription>($"{Select} where subscription.id = @id", new { id });
    }

    /// <summary>Read inside the caller's transaction, not locked.</summary>
    public static Task<Subscription> GetAsync(NpgsqlTransaction transaction, Guid id) =>
        transaction.Connection!.QuerySingleAsync<Subscription>($"{Select} where subscription.id = @id", new { id }, transaction);
}

/// <summary>What a new subscription takes over from its customer.</summary>
internal sealed record Subscriber(Guid Id, string ExternalId, string Timezone, string Currency);
