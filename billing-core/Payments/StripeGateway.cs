using System.Net;
using Quota.Shared.Amounts;
using Stripe;

namespace Quota.Billing.Payments;

/// <summary>
/// The only file that calls Stripe.net. Every call ends in one of the four replies; it does not throw for what Stripe or the network
/// does. Nothing is retried here: whoever asks knows whether asking again is safe.
/// </summary>
internal sealed class StripeGateway : IDisposable
{
    private readonly HttpClient _http;
    private readonly StripeClient _client;

    public StripeGateway(StripeOptions options)
    {
        _http = new HttpClient { Timeout = options.Timeout };
        _client = new StripeClient(new StripeClientOptions
        {
            ApiKey = options.ApiKey,
            ApiBase = options.ApiBase,
            HttpClient = new SystemNetHttpClient(_http, maxNetworkRetries: 0, enableTelemetry: false),
        });
    }

    /// <summary>
    /// What the customer's invoices are charged to: the default of their invoice settings, else their first card; null when there is none.
    /// </summary>
    public Task<StripeReply<string?>> PaymentMethodAsync(string customer, CancellationToken cancel) => AskAsync<string?>(async () =>
    {
        var found = await _client.V1.Customers.GetAsync(customer, cancellationToken: cancel);
        if (found.InvoiceSettings?.DefaultPaymentMethodId is { } chosen)
            return chosen;
        var cards = await _client.V1.Customers.PaymentMethods.ListAsync(
            customer, new CustomerPaymentMethodListOptions { Type = StripeTerms.CardType, Limit = 1 }, cancellationToken: cancel);
        return cards.Data.FirstOrDefault()?.Id;
    }, cancel);

    /// <summary>Makes an unconfirmed PaymentIntent, which charges nobody. The same attempt again gives the same intent.</summary>
    /// <param name="attempt">With its customer and payment method.</param>
    /// <param name="amount">In Stripe's integers.</param>
    public Task<StripeReply<StripeIntent>> CreateAsync(PaymentAttempt attempt, long amount, CancellationToken cancel) => AskAsync(async () => Read(
        await _client.V1.PaymentIntents.CreateAsync(new PaymentIntentCreateOptions
        {
            Amount = amount,
            Currency = StripeCurrency(attempt),
            Customer = attempt.ProviderCustomerId,
            PaymentMethod = attempt.PaymentMethodId,
            // Nobody is there to be redirected.
            AutomaticPaymentMethods = new PaymentIntentAutomaticPaymentMethodsOptions { Enabled = true, AllowRedirects = StripeTerms.NeverRedirect },
            Description = $"Invoice {attempt.InvoiceNumber}",
            Metadata = new Dictionary<string, string>
            {
                [StripeTerms.InvoiceKey] = attempt.InvoiceId.ToString(),
                [StripeTerms.AttemptKey] = attempt.Id.ToString(),
            },
        }, Once(attempt, "create"), cancel)), cancel);

    /// <summary>Charges it without the customer present. One intent captures once, however often this is sent.</summary>
    public Task<StripeReply<StripeIntent>> ConfirmAsync(PaymentAttempt attempt, CancellationToken cancel) => AskAsync(async () => Read(
        await _client.V1.PaymentIntents.ConfirmAsync(
            attempt.PaymentIntentId, new PaymentIntentConfirmOptions { OffSession = true }, Once(attempt, "confirm"), cancel)), cancel);

    /// <summary>Ends an intent that was not paid, so that no old payment page can pay it any more.</summary>
    public Task<StripeReply<StripeIntent>> CancelAsync(PaymentAttempt attempt, CancellationToken cancel) => AskAsync(async () => Read(
        await _client.V1.PaymentIntents.CancelAsync(
            attempt.PaymentIntentId, new PaymentIntentCancelOptions(), Once(attempt, "cancel"), cancel)), cancel);

    /// <summary>How it stands now: the answer to every lost answer.</summary>
    public Task<StripeReply<StripeIntent>> GetAsync(string paymentIntent, CancellationToken cancel) => AskAsync(async () => Read(
        await _client.V1.PaymentIntents.GetAsync(paymentIntent, cancellationToken: cancel)), cancel);

    public void Dispose() => _http.Dispose();

    private static async Task<StripeReply<T>> AskAsync<T>(Func<Task<T>> call, CancellationToken cancel)
    {
        try
        {
            return new StripeReply<T>.Answered(await call());
        }
        catch (StripeException error) when (error.HttpStatusCode != 0)
        {
            return Sort<T>(error);
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            throw;
        }
        catch (Exception error) when (error is StripeException or HttpRequestException or IOException or OperationCanceledException)
        {
            return new StripeReply<T>.Lost(error.GetType().Name);
        }
    }

    /// <summary>By the status alone: codes and messages change, and messages may quote what was sent.</summary>
    private static StripeReply<T> Sort<T>(StripeException error)
    {
        var code = error.StripeError?.DeclineCode ?? error.StripeError?.Code ?? error.StripeError?.Type ?? "error";
        return (int)error.HttpStatusCode switch
        {
            (int)HttpStatusCode.Unauthorized or (int)HttpStatusCode.Forbidden => new StripeReply<T>.NotNow("key_refused"),
            (int)HttpStatusCode.Conflict or (int)HttpStatusCode.TooManyRequests or 424 => new StripeReply<T>.NotNow(code),
            >= 500 => new StripeReply<T>.Lost($"HTTP {(int)error.HttpStatusCode}"),
            >= 400 => new StripeReply<T>.Refused(code),
            // A 2xx whose body could not be read: it was done, and we do not know what.
            _ => new StripeReply<T>.Lost("unreadable answer"),
        };
    }

    private static StripeIntent Read(PaymentIntent intent) => new(
        intent.Id, intent.Status, intent.AmountReceived, intent.Currency, intent.LastPaymentError?.DeclineCode ?? intent.LastPaymentError?.Code);

    private static RequestOptions Once(PaymentAttempt attempt, string step) => new() { IdempotencyKey = $"quota-{attempt.Id:N}-{step}" };

#pragma warning disable CA1308 // Stripe writes currencies in lower case.
    private static string StripeCurrency(PaymentAttempt attempt) => Shared.Amounts.Currency.Parse(attempt.Currency).Code.ToLowerInvariant();
#pragma warning restore CA1308
}
