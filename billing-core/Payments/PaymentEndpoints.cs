using Npgsql;
using Quota.Billing.Http;
using Quota.Billing.Invoicing;
using Quota.Billing.Payments.Webhooks;
using Quota.Billing.Subscriptions;

namespace Quota.Billing.Payments;

/// <summary>Collecting on demand, and Stripe's door.</summary>
internal static class PaymentEndpoints
{
    public static void MapPayments(this WebApplication app)
    {
        app.MapPost("/api/v1/invoices/{id:guid}/retry_payment", Retry);
        app.MapStripeWebhook();
    }

    /// <summary>
    /// Plans the next attempt of an unpaid invoice. Asked twice it plans one: while an attempt is not over at Stripe, there is no next.
    /// </summary>
    private static async Task<IResult> Retry(
        Guid id, StripeOptions stripe, CollectionPlanner planner, InvoiceStore invoices, SubscriptionStore subscriptions,
        NpgsqlDataSource database, TimeProvider clock, CancellationToken cancel)
    {
        if (!stripe.Collects)
            return ApiErrors.Forbidden("feature_unavailable", "Stripe__ApiKey is not set: nothing is collected");
        await using (var connection = await database.OpenConnectionAsync(cancel))
        await using (var transaction = await connection.BeginTransactionAsync(cancel))
        {
            if (await InvoiceStore.LockAsync(transaction, id) is not { } invoice)
                return ApiErrors.NotFound("invoice");
            if (invoice.Status != InvoiceState.Finalized || invoice.PaymentStatus == PaymentState.Succeeded)
                return ApiErrors.NotAllowed();
            var customer = await InvoiceStore.CustomerAsync(connection, invoice.CustomerId, transaction);
            if (customer.ProviderCustomerId is null)
                return ApiErrors.Unprocessable("provider_customer_id", Mistake.Mandatory);
            if (!await planner.PlanAsync(transaction, invoice))
                return ApiErrors.NotAllowed("payment_processing");
            await InvoiceStore.SetPaymentStatusAsync(transaction, id, PaymentState.Pending);
            await transaction.CommitAsync(cancel);
        }
        return await InvoiceEndpoints.OneAsync(id, invoices, subscriptions, clock);
    }
}
