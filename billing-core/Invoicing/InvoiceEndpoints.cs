using Npgsql;
using Quota.Billing.Http;
using Quota.Billing.Subscriptions;

namespace Quota.Billing.Invoicing;

/// <summary><c>/api/v1/invoices</c>, Lago's shapes.</summary>
internal static class InvoiceEndpoints
{
    public static void MapInvoicing(this WebApplication app)
    {
        var invoices = app.MapGroup("/api/v1/invoices");
        invoices.MapGet("", List);
        invoices.MapGet("{id:guid}", Get);
        invoices.MapPut("{id:guid}/refresh", Refresh);
        invoices.MapPut("{id:guid}/finalize", FinalizeNow);
    }

    private static async Task<IResult> List(Paging paging, HttpRequest request, InvoiceStore store)
    {
        var filter = new InvoiceFilter(Query("external_customer_id"), Query("status"), Query("payment_status"));
        var (invoices, total) = await store.ListAsync(filter, paging.Offset, paging.Limit);
        return Answers.Page("invoices", [.. invoices.Select(row => InvoiceAnswers.Summary(row.Invoice, row.ExternalCustomerId))], paging, total);

        string? Query(string name) => request.Query[name].FirstOrDefault() is { Length: > 0 } value ? value : null;
    }

    private static Task<IResult> Get(Guid id, InvoiceStore store, SubscriptionStore subscriptions, TimeProvider clock) =>
        OneAsync(id, store, subscriptions, clock);

    private static Task<IResult> Refresh(
        Guid id, InvoiceStore store, SubscriptionStore subscriptions, InvoiceFinalizer finalizer,
        NpgsqlDataSource database, TimeProvider clock, CancellationToken cancel) =>
        OnDraftAsync(id, finalizer.RefreshAsync, store, subscriptions, database, clock, cancel);

    /// <summary>Ends the grace period now.</summary>
    private static Task<IResult> FinalizeNow(
        Guid id, InvoiceStore store, SubscriptionStore subscriptions, InvoiceFinalizer finalizer,
        NpgsqlDataSource database, TimeProvider clock, CancellationToken cancel) =>
        OnDraftAsync(id, finalizer.FinalizeAsync, store, subscriptions, database, clock, cancel);

    private static async Task<IResult> OnDraftAsync(
        Guid id, Func<NpgsqlTransaction, Invoice, CancellationToken, Task<Invoice>> change,
        InvoiceStore store, SubscriptionStore subscriptions, NpgsqlDataSource database, TimeProvider clock, CancellationToken cancel)
    {
        await using (var connection = await database.OpenConnectionAsync(cancel))
        await using (var transaction = await connection.BeginTransactionAsync(cancel))
        {
            if (await InvoiceStore.LockAsync(transaction, id) is not { } invoice)
                return ApiErrors.NotFound("invoice");
            if (invoice.Status != InvoiceState.Draft)
                return ApiErrors.NotAllowed();
            try
            {
                await change(transaction, invoice, cancel);
            }
            catch (OverflowException)
            {
                return ApiErrors.Unprocessable(InvoiceBuilder.TooMuch.Field, InvoiceBuilder.TooMuch.Problem);
            }
            await transaction.CommitAsync(cancel);
        }
        return await OneAsync(id, store, subscriptions, clock);
    }

    /// <summary>The whole invoice under its name; retried payments answer with it too.</summary>
    public static async Task<IResult> OneAsync(Guid id, InvoiceStore store, SubscriptionStore subscriptions, TimeProvider clock)
    {
        if (await store.FindAsync(id) is not { } found)
            return ApiErrors.NotFound("invoice");
        var subscription = await subscriptions.GetAsync(found.Invoice.SubscriptionId);
        return Answers.One("invoice", InvoiceAnswers.Whole(found.Invoice, found.Fees, found.Customer, subscription, clock.GetUtcNow()));
    }
}
