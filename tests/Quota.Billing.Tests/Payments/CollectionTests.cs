using Microsoft.Extensions.DependencyInjection;
using Quota.Billing.Payments;
using Quota.Billing.Tests.Invoicing;

namespace Quota.Billing.Tests.Payments;

public sealed class CollectionTests
{
    private const string MonthEnd = "2031-04-01T00:00:00Z";

    [Fact]
    public async Task A_finalized_invoice_is_collected_by_one_intent_and_booked()
    {
        await using var scene = await MoneyScene.StartAsync("visa");
        await scene.SubscribeAsync();
        await scene.UseAsync("2031-03-05T00:00:00Z", 500);
        await scene.MoveClockAsync(MonthEnd);

        var invoice = (await scene.InvoicesAsync()).ShouldHaveSingleItem();
        invoice.At("invoice.payment_status").ShouldBe("succeeded");
        invoice.At("invoice.total_due_amount_cents").ShouldBe("0");
        var capture = scene.Stripe.Captures.ShouldHaveSingleItem();
        capture.Amount.ShouldBe(10_101);
        await ShouldBeBookedOnceAsync(scene, "101.01");
        (await scene.App.PostAsync($"/api/v1/invoices/{invoice.At("invoice.lago_id")}/retry_payment", "{}")).ShouldBe(405);
    }

    [Theory]
    [InlineData("GET /v1/customers/")]
    [InlineData("POST /v1/payment_intents")]
    [InlineData("/confirm")]
    public async Task A_lost_answer_at_any_step_ends_in_one_capture(string call)
    {
        await using var scene = await MoneyScene.StartAsync("visa", webhooks: false);
        await scene.SubscribeAsync();
        scene.Stripe.Faults.LoseNextAnswer(sent => sent == call || (call.EndsWith('/') && sent.StartsWith(call, StringComparison.Ordinal)) || (call[0] == '/' && sent.EndsWith(call, StringComparison.Ordinal)));
        await scene.MoveClockAsync(MonthEnd);
        await scene.UntilPaymentAsync("succeeded", MonthEnd);
        scene.Stripe.Captures.ShouldHaveSingleItem();
        await ShouldBeBookedOnceAsync(scene, "100");
        (await scene.App.ScalarAsync<long>("select count(*) from payment_attempts")).ShouldBe(1);
        // A lost confirm is answered by looking at once, the others by coming again.
        (await scene.App.ScalarAsync<int>("select attempts from outbox")).ShouldBe(call == "/confirm" ? 1 : 2);
    }

    /// <summary>As a kill between two steps leaves it: the row says what was about to be done, and nobody knows whether it was.</summary>
    [Theory]
    [InlineData("creating")]
    [InlineData("confirming")]
    public async Task A_core_that_died_between_two_steps_goes_on_where_it_was(string state)
    {
        await using var scene = await MoneyScene.StartAsync("visa", webhooks: false);
        await scene.SubscribeAsync();
        // The last thing the old process did reached Stripe; its answer and all that follows did not reach the database.
        scene.Stripe.Faults.LoseNextAnswer(sent => state == "creating" ? sent == "POST /v1/payment_intents" : sent.EndsWith("/confirm", StringComparison.Ordinal));
        scene.Stripe.Faults.FailNext(sent => state == "confirming" && sent.StartsWith("GET /v1/payment_intents/", StringComparison.Ordinal), 503);
        await scene.MoveClockAsync(MonthEnd);
        (await scene.App.ScalarAsync<string>("select state from payment_attempts")).ShouldBe("unknown");
        await using (var connection = await scene.App.OpenAsync())
        {
            await using var command = new Npgsql.NpgsqlCommand($"update payment_attempts set state = '{state}'", connection);
            await command.ExecuteNonQueryAsync();
        }
        await scene.App.RestartAsync();
        await scene.UntilPaymentAsync("succeeded", MonthEnd);
        scene.Stripe.Captures.ShouldHaveSingleItem();
        await ShouldBeBookedOnceAsync(scene, "100");
    }

    [Theory]
    [InlineData("GET /v1/customers/", 429)]
    [InlineData("POST /v1/payment_intents", 429)]
    [InlineData("POST /v1/payment_intents", 500)]
    [InlineData("POST /v1/payment_intents", 409)]
    [InlineData("/confirm", 429)]
    [InlineData("/confirm", 500)]
    public async Task What_stripe_cannot_do_now_is_done_later(string call, int status)
    {
        await using var scene = await MoneyScene.StartAsync("visa", webhooks: false);
        await scene.SubscribeAsync();
        scene.Stripe.Faults.FailNext(sent => sent.StartsWith(call, StringComparison.Ordinal) || sent.EndsWith(call, StringComparison.Ordinal), status);
        await scene.MoveClockAsync(MonthEnd);
        await scene.UntilPaymentAsync("succeeded", MonthEnd);
        scene.Stripe.Captures.ShouldHaveSingleItem();
        await ShouldBeBookedOnceAsync(scene, "100");
    }

    [Theory]
    [InlineData("chargeCustomerFail", "generic_decline", "none")]
    [InlineData("authenticationRequired", "authentication_required", "none")]
    [InlineData("chargeCustomerFail", "generic_decline", "/confirm")]
    [InlineData("chargeCustomerFail", "generic_decline", "/cancel")]
    public async Task A_decline_is_canceled_at_stripe_and_the_next_attempt_waits_to_be_asked_for(string card, string reason, string lost)
    {
        await using var scene = await MoneyScene.StartAsync(card);
        scene.Stripe.Faults.LoseNextAnswer(sent => sent.EndsWith(lost, StringComparison.Ordinal));
        await scene.SubscribeAsync();
        await scene.MoveClockAsync(MonthEnd);
        var invoice = await scene.UntilPaymentAsync("failed", MonthEnd);
        (await scene.App.ScalarAsync<string>("select state || ' ' || last_error from payment_attempts")).ShouldBe($"canceled {reason}");
        scene.Stripe.Captures.ShouldBeEmpty();
        (await scene.BalancesAsync())["receivable"].ShouldBe("100");
        await scene.MoveClockAsync("2031-04-05T00:00:00Z");
        (await scene.App.ScalarAsync<long>("select count(*) from payment_attempts")).ShouldBe(1);

        var retry = $"/api/v1/invoices/{invoice.At("invoice.lago_id")}/retry_payment";
        await MoneyScene.GiveCardAsync(scene.Stripe, await scene.App.ScalarAsync<string>("select provider_customer_id from customers"), "mastercard");
        var answers = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => scene.App.PostAsync(retry, "{}")));
        answers.Count(answer => answer.Status == 200).ShouldBe(1);
        answers.Where(answer => answer.Status != 200).ShouldAllBe(answer => answer.Status == 405);
        await scene.UntilPaymentAsync("succeeded", "2031-04-05T00:00:00Z");
        scene.Stripe.Captures.ShouldHaveSingleItem();
        await ShouldBeBookedOnceAsync(scene, "100");
    }

    [Fact]
    public async Task A_customer_without_a_card_fails_without_a_call_that_could_charge()
    {
        await using var scene = await MoneyScene.StartAsync("");
        await scene.SubscribeAsync();
        await scene.MoveClockAsync(MonthEnd);
        await scene.UntilPaymentAsync("failed", MonthEnd);
        (await scene.App.ScalarAsync<string>("select last_error from payment_attempts")).ShouldBe("no_payment_method");
    }

    [Fact]
    public async Task A_card_is_taken_from_the_list_when_no_default_is_set()
    {
        await using var scene = await MoneyScene.StartAsync("");
        await scene.Stripe.Client().V1.PaymentMethods.AttachAsync("pm_card_visa", new Stripe.PaymentMethodAttachOptions
        {
            Customer = await scene.App.ScalarAsync<string>("select provider_customer_id from customers"),
        });
        await scene.SubscribeAsync();
        await scene.MoveClockAsync(MonthEnd);
        await scene.UntilPaymentAsync("succeeded", MonthEnd);
    }

    [Fact]
    public async Task Without_stripe_nothing_is_collected_and_what_is_owed_waits()
    {
        await using var scene = await MoneyScene.StartAsync();
        (await scene.App.PostAsync("/api/v1/customers", new
        {
            customer = new { external_id = MoneyScene.Customer, billing_configuration = new { payment_provider = "stripe", provider_customer_id = "cus_x" } },
        })).ShouldBe(200);
        await scene.SubscribeAsync();
        await scene.MoveClockAsync(MonthEnd);
        var invoice = (await scene.InvoicesAsync()).ShouldHaveSingleItem();
        invoice.At("invoice.payment_status").ShouldBe("pending");
        (await scene.App.ScalarAsync<bool>("select done_at is null and attempts = 0 from outbox")).ShouldBeTrue();
        (await scene.App.PostAsync($"/api/v1/invoices/{invoice.At("invoice.lago_id")}/retry_payment", "{}")).ShouldBe(403).At("code").ShouldBe("feature_unavailable");
        (await scene.App.Anonymous.SendAsync(HttpMethod.Post, "/webhooks/stripe", "{}")).ShouldBe(503);
    }

    [Fact]
    public async Task Money_for_an_invoice_that_is_paid_already_is_unapplied_cash()
    {
        await using var scene = await MoneyScene.StartAsync("visa");
        await scene.SubscribeAsync();
        await scene.MoveClockAsync(MonthEnd);
        await ShouldBeBookedOnceAsync(scene, "100");
        // A second attempt, as a mistake or another system could have made it: rows first, then news of its success.
        await using (var connection = await scene.App.OpenAsync())
        {
            await using var command = new Npgsql.NpgsqlCommand("""
                insert into payment_attempts (id, invoice_id, number, state, rank, amount_cents, currency, payment_intent_id, created_at, updated_at)
                select gen_random_uuid(), invoice_id, 2, 'confirming', 30, amount_cents, currency, 'pi_second', now(), now() from payment_attempts
                """, connection);
            await command.ExecuteNonQueryAsync();
        }
        var news = scene.App.Services.GetRequiredService<PaymentNews>();
        var attempt = (await scene.App.Services.GetRequiredService<AttemptStore>().FindByIntentAsync("pi_second"))!;
        for (var times = 0; times < 2; times++)
            await news.ApplyAsync(attempt, new StripeIntent("pi_second", "succeeded", 10_000, "usd", null), CancellationToken.None);
        var balances = await scene.BalancesAsync();
        balances["unapplied_cash"].ShouldBe("-100");
        balances["stripe_in_transit"].ShouldBe("200");
        balances["receivable"].ShouldBe("0");
    }

    private static async Task ShouldBeBookedOnceAsync(MoneyScene scene, string amount)
    {
        var balances = await scene.BalancesAsync();
        balances["receivable"].ShouldBe("0");
        balances["stripe_in_transit"].ShouldBe(amount);
        balances.ContainsKey("unapplied_cash").ShouldBeFalse();
        (await scene.App.ScalarAsync<long>("select count(*) from ledger_entries where kind = 'payment_captured'")).ShouldBe(1);
    }
}
