using Dapper;
using Npgsql;
using Quota.Billing.Metering;

namespace Quota.Billing.Invoicing;

/// <summary>Events of a period are needed until its invoice is final: its edges, and charges that are read in order, come from them.</summary>
internal sealed class EventsForInvoices : IEventsNeeded
{
    public async Task<IReadOnlyList<EventsNeed>> ReadAsync(NpgsqlConnection connection, DateTimeOffset from, DateTimeOffset to, CancellationToken cancel) =>
        (await connection.QueryAsync<EventsNeed>(new CommandDefinition("""
            select 'period_not_invoiced' as reason, external_id as subject, coalesce(period_from, subscription_at) as since from subscriptions
                where coalesce(period_from, case when status = 'pending' then subscription_at end) < @to
            union all
            select 'invoice_not_final', id::text, period_from from invoices where status = 'draft' and period_from < @to
            """, new { to }, cancellationToken: cancel))).AsList();
}
