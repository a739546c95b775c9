using System.Net;
using System.Net.Http.Headers;
using System.Text.Json.Nodes;
using Quota.TestKit;
using Stripe;

namespace Quota.EndToEnd.Tests.StandIns;

public sealed class FakeStripeTests : IAsyncLifetime
{
    private FakeStripe _stripe = null!;
    private WebhookReceiver _receiver = null!;
    private StripeClient _client = null!;

    public async ValueTask InitializeAsync()
    {
        _receiver = await WebhookReceiver.StartAsync();
        _stripe = await FakeStripe.StartAsync(new FakeStripeOptions { WebhookUrl = _receiver.Url });
        _client = _stripe.Client();
    }

    public async ValueTask DisposeAsync()
    {
        await _stripe.DisposeAsync();
        await _receiver.DisposeAsync();
    }

    [Fact]
    public async Task An_invoice_is_paid_off_session_in_two_steps()
    {
        var customer = await CustomerAsync("pm_card_visa");
        var created = await CreateAsync(customer);
        created.Status.ShouldBe("requires_confirmation");
        _stripe.Captures.ShouldBeEmpty();

        var paid = await _client.V1.PaymentIntents.ConfirmAsync(created.Id, new PaymentIntentConfirmOptions { OffSession = true });
        paid.Status.ShouldBe("succeeded");
        paid.AmountReceived.ShouldBe(4900);
        (await _client.V1.PaymentIntents.GetAsync(created.Id)).Status.ShouldBe("succeeded");
        var capture = _stripe.Captures.ShouldHaveSingleItem();
        capture.PaymentIntent.ShouldBe(created.Id);
        capture.Amount.ShouldBe(4900);
        capture.Currency.ShouldBe("usd");
        capture.Metadata["invoice"].ShouldBe("INV-1");

        await Eventually.TrueAsync("two webhooks", () => _receiver.Received.Count == 2);
        var events = _receiver.Received.Select(r => EventUtility.ConstructEvent(r.Body, r.Signature, _stripe.Webhooks.Secret)).ToList();
        events.Select(e => e.Type).ShouldBe(["payment_intent.created", "payment_intent.succeeded"]);
        ((PaymentIntent)events[1].Data.Object).Id.ShouldBe(created.Id);
        Should.Throw<StripeException>(() => EventUtility.ConstructEvent(_receiver.Received[0].Body, _receiver.Received[0].Signature, "whsec_other"));

        var again = await Should.ThrowAsync<StripeException>(() => _client.V1.PaymentIntents.ConfirmAsync(created.Id));
        again.StripeError.Code.ShouldBe("payment_intent_unexpected_state");
        _stripe.Captures.Count.ShouldBe(1);
    }

    [Theory]
    [InlineData("pm_card_chargeCustomerFail", "card_declined")]
    [InlineData("pm_card_authenticationRequired", "authentication_required")]
    public async Task A_decline_is_402_and_leaves_the_intent_payable(string card, string code)
    {
        var intent = await CreateAsync(await CustomerAsync(card));
        var options = new RequestOptions { IdempotencyKey = "attempt-1" };
        var refused = await Should.ThrowAsync<StripeException>(() => _client.V1.PaymentIntents.ConfirmAsync(intent.Id, null, options));
        refused.HttpStatusCode.ShouldBe(HttpStatusCode.PaymentRequired);
        refused.StripeError.Type.ShouldBe("card_error");
        refused.StripeError.Code.ShouldBe(code);
        refused.StripeError.PaymentIntent.Status.ShouldBe("requires_payment_method");
        refused.StripeError.PaymentIntent.LastPaymentError.Code.ShouldBe(code);

        // A repeat of the same attempt gets the same refusal, not a second one.
        (await Should.ThrowAsync<StripeException>(() => _client.V1.PaymentIntents.ConfirmAsync(intent.Id, null, options))).StripeError.Charge.ShouldBe(refused.StripeError.Charge);
        await Eventually.TrueAsync("the failure is told", () => _receiver.Types.Count(t => t == "payment_intent.payment_failed") == 1);

        (await _client.V1.PaymentIntents.ConfirmAsync(intent.Id, new PaymentIntentConfirmOptions { PaymentMethod = "pm_card_visa" })).Status.ShouldBe("succeeded");
        _stripe.Captures.Count.ShouldBe(1);
    }

    [Fact]
    public async Task The_always_declined_card_cannot_be_attached_but_can_be_charged_in_vain()
    {
        var customer = await _client.V1.Customers.CreateAsync(new CustomerCreateOptions());
        var attach = await Should.ThrowAsync<StripeException>(() =>
            _client.V1.PaymentMethods.AttachAsync("pm_card_chargeDeclined", new PaymentMethodAttachOptions { Customer = customer.Id }));
        attach.HttpStatusCode.ShouldBe(HttpStatusCode.PaymentRequired);
        var intent = await CreateAsync(customer, "pm_card_chargeDeclined");
        (await Should.ThrowAsync<StripeException>(() => _client.V1.PaymentIntents.ConfirmAsync(intent.Id))).StripeError.DeclineCode.ShouldBe("generic_decline");
    }

    [Fact]
    public async Task An_idempotency_key_replays_its_answer_and_refuses_other_parameters()
    {
        var customer = await CustomerAsync("pm_card_visa");
        var options = new RequestOptions { IdempotencyKey = "create-1" };
        var first = await _client.V1.PaymentIntents.CreateAsync(Options(customer, 4900), options);
        var second = await _client.V1.PaymentIntents.CreateAsync(Options(customer, 4900), options);
        second.Id.ShouldBe(first.Id);
        second.StripeResponse.Headers.GetValues("Idempotent-Replayed").ShouldBe(["true"]);
        var other = await Should.ThrowAsync<StripeException>(() => _client.V1.PaymentIntents.CreateAsync(Options(customer, 5000), options));
        other.HttpStatusCode.ShouldBe(HttpStatusCode.BadRequest);
        other.StripeError.Type.ShouldBe("idempotency_error");
    }

    [Fact]
    public async Task A_lost_answer_did_its_work()
    {
        var intent = await CreateAsync(await CustomerAsync("pm_card_visa"));
        _stripe.Faults.LoseNextAnswer(call => call.EndsWith("/confirm", StringComparison.Ordinal));
        await Should.ThrowAsync<HttpRequestException>(() => _client.V1.PaymentIntents.ConfirmAsync(intent.Id));
        (await _client.V1.PaymentIntents.GetAsync(intent.Id)).Status.ShouldBe("succeeded");
        _stripe.Captures.Count.ShouldBe(1);

        _stripe.Faults.FailNext(call => call.StartsWith("GET", StringComparison.Ordinal));
        (await Should.ThrowAsync<StripeException>(() => _client.V1.PaymentIntents.GetAsync(intent.Id))).HttpStatusCode.ShouldBe(HttpStatusCode.InternalServerError);
    }

    [Fact]
    public async Task Processing_ends_later_and_a_canceled_intent_cannot_be_confirmed()
    {
        var customer = await CustomerAsync("pm_card_visa");
        _stripe.Faults.HoldInProcessing = true;
        var paid = await CreateAsync(customer);
        var declined = await CreateAsync(customer);
        (await _client.V1.PaymentIntents.ConfirmAsync(paid.Id)).Status.ShouldBe("processing");
        await _client.V1.PaymentIntents.ConfirmAsync(declined.Id);
        _stripe.CompleteProcessing(paid.Id);
        _stripe.CompleteProcessing(declined.Id, succeeded: false);
        (await _client.V1.PaymentIntents.GetAsync(paid.Id)).Status.ShouldBe("succeeded");
        (await _client.V1.PaymentIntents.GetAsync(declined.Id)).Status.ShouldBe("requires_payment_method");
        (await _client.V1.PaymentIntents.CancelAsync(declined.Id)).Status.ShouldBe("canceled");
        (await Should.ThrowAsync<StripeException>(() => _client.V1.PaymentIntents.ConfirmAsync(declined.Id))).StripeError.Code.ShouldBe("payment_intent_unexpected_state");
        await Eventually.TrueAsync("told", () => _receiver.Types.Contains("payment_intent.canceled"));
    }

    [Fact]
    public async Task Webhooks_come_twice_reversed_or_late_when_told_so()
    {
        var customer = await CustomerAsync("pm_card_visa");
        _stripe.Webhooks.Pause();
        _stripe.Webhooks.DeliverTwice = true;
        var intent = await CreateAsync(customer);
        await _client.V1.PaymentIntents.ConfirmAsync(intent.Id);
        _receiver.Refuse = 2;
        _stripe.Webhooks.Release(reversed: true);
        await Eventually.TrueAsync("all are delivered", () => _stripe.Webhooks.Waiting == 0);
        _receiver.Types.ShouldBe(["payment_intent.succeeded", "payment_intent.succeeded", "payment_intent.created", "payment_intent.created"]);
        _stripe.Webhooks.Deliveries.Select(d => d.Status).ShouldBe([500, 500, 200, 200, 200, 200]);
        _stripe.Webhooks.Drop = true;
        await CreateAsync(customer);
        _stripe.Webhooks.Waiting.ShouldBe(0);
    }

    [Fact]
    public async Task Mistakes_are_refused_as_Stripe_refuses_them()
    {
        var customer = await CustomerAsync("pm_card_visa");
        await RefusedAsync("parameter_unknown", Options(customer, 4900, o => o.AddExtraParam("invoice_id", "1")));
        await RefusedAsync("parameter_invalid", Options(customer, 4900, o => o.OffSession = true));
        await RefusedAsync("amount_too_small", Options(customer, 49));
        await RefusedAsync("resource_missing", Options(customer, 4900, o => o.Customer = "cus_none"));
        var stranger = new StripeClient(new StripeClientOptions { ApiKey = "sk_test_other", ApiBase = _stripe.BaseUrl });
        (await Should.ThrowAsync<StripeException>(() => stranger.V1.Customers.GetAsync(customer.Id))).HttpStatusCode.ShouldBe(HttpStatusCode.Unauthorized);

        async Task RefusedAsync(string code, PaymentIntentCreateOptions options) =>
            (await Should.ThrowAsync<StripeException>(() => _client.V1.PaymentIntents.CreateAsync(options))).StripeError.Code.ShouldBe(code);
    }

    [Fact]
    public async Task The_account_outlives_a_restart_when_it_has_a_file()
    {
        var folder = Directory.CreateTempSubdirectory("quota-stripe-");
        try
        {
            var options = new FakeStripeOptions { StatePath = Path.Combine(folder.FullName, "stripe.json") };
            string customer, intent;
            await using (var first = await FakeStripe.StartAsync(options))
            {
                _client = first.Client();
                var made = await CustomerAsync("pm_card_visa");
                (customer, intent) = (made.Id, (await CreateAsync(made)).Id);
                await _client.V1.PaymentIntents.ConfirmAsync(intent);
            }

            await using var second = await FakeStripe.StartAsync(options);
            (await second.Client().V1.Customers.GetAsync(customer)).InvoiceSettings.DefaultPaymentMethodId.ShouldStartWith("pm_");
            second.Captures.ShouldHaveSingleItem().PaymentIntent.ShouldBe(intent);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task Every_key_of_its_answers_is_one_of_Stripes_own_with_the_same_kind()
    {
        var customer = await CustomerAsync("pm_card_chargeCustomerFail");
        var intent = await CreateAsync(customer);
        await Should.ThrowAsync<StripeException>(() => _client.V1.PaymentIntents.ConfirmAsync(intent.Id));
        using var http = new HttpClient { BaseAddress = new Uri(_stripe.BaseUrl) };
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", _stripe.ApiKey);
        foreach (var path in new[] { $"customers/{customer.Id}", $"payment_intents/{intent.Id}", $"payment_methods/{customer.InvoiceSettings.DefaultPaymentMethodId}" })
            StripeShape.Check(JsonNode.Parse(await http.GetStringAsync("/v1/" + path))!.AsObject());
        await Eventually.TrueAsync("two webhooks", () => _receiver.Received.Count == 2);
        foreach (var received in _receiver.Received)
            StripeShape.Check(JsonNode.Parse(received.Body)!.AsObject());
    }

    private async Task<Customer> CustomerAsync(string card)
    {
        var customer = await _client.V1.Customers.CreateAsync(new CustomerCreateOptions { Name = "Acme", Email = "billing@acme.test" });
        var method = await _client.V1.PaymentMethods.AttachAsync(card, new PaymentMethodAttachOptions { Customer = customer.Id });
        (await _client.V1.Customers.PaymentMethods.ListAsync(customer.Id)).Data.ShouldHaveSingleItem().Id.ShouldBe(method.Id);
        return await _client.V1.Customers.UpdateAsync(customer.Id, new CustomerUpdateOptions
        {
            InvoiceSettings = new CustomerInvoiceSettingsOptions { DefaultPaymentMethod = method.Id },
        });
    }

    private static PaymentIntentCreateOptions Options(Customer customer, long amount, Action<PaymentIntentCreateOptions>? change = null)
    {
        var options = new PaymentIntentCreateOptions
        {
            Amount = amount,
            Currency = "usd",
            Customer = customer.Id,
            PaymentMethod = customer.InvoiceSettings?.DefaultPaymentMethodId,
            AllowedPaymentMethodTypes = ["card"],
            Metadata = new Dictionary<string, string> { ["invoice"] = "INV-1" },
        };
        change?.Invoke(options);
        return options;
    }

    private Task<PaymentIntent> CreateAsync(Customer customer, string? card = null) =>
        _client.V1.PaymentIntents.CreateAsync(Options(customer, 4900, o => o.PaymentMethod = card ?? o.PaymentMethod));
}
