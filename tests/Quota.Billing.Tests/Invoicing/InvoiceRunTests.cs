using System.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Quota.Billing.Clock;
using Quota.Billing.Invoicing;
using Quota.TestKit;

namespace Quota.Billing.Tests.Invoicing;

public sealed class InvoiceRunTests
{
    [Fact]
    public async Task A_month_ends_and_its_invoice_says_what_was_used()
    {
        await using var scene = await MoneyScene.StartAsync();
        await scene.SubscribeAsync();
        await scene.UseAsync("2031-03-01T00:00:00Z", 700);
        await scene.UseAsync("2031-03-31T23:59:59Z", 800);
        await scene.UseAsync("2031-04-01T00:00:00Z", 5);       // the next month's first instant
        await scene.MoveClockAsync("2031-03-31T23:59:59Z");
        (await scene.InvoicesAsync()).ShouldBeEmpty();
        await scene.MoveClockAsync("2031-04-01T00:00:00Z");

        var invoice = (await scene.InvoicesAsync()).ShouldHaveSingleItem();
        invoice.At("invoice.status").ShouldBe("finalized");
        invoice.At("invoice.number").ShouldBe("QTA-001-001");
        invoice.At("invoice.issuing_date").ShouldBe("2031-04-01");
        invoice.At("invoice.payment_due_date").ShouldBe("2031-04-15");
        invoice.At("invoice.payment_status").ShouldBe("pending");
        // 100 + 2 × 0.01 + 1000 × 0.002 + 500 × 0.001
        invoice.At("invoice.total_amount_cents").ShouldBe("10252");
        invoice.At("invoice.fees.0.item.type").ShouldBe("subscription");
        invoice.At("invoice.fees.0.amount_cents").ShouldBe("10000");
        invoice.At("invoice.fees.1.units").ShouldBe("2");
        invoice.At("invoice.fees.1.amount_cents").ShouldBe("2");
        invoice.At("invoice.fees.2.units").ShouldBe("1500");
        invoice.At("invoice.fees.2.events_count").ShouldBe("2");
        invoice.At("invoice.fees.2.precise_amount").ShouldBe("2.5");
        invoice.At("invoice.fees.2.amount_details.graduated_ranges.1.units").ShouldBe("500");
        invoice.At("invoice.fees.2.to_date").ShouldBe("2031-03-31T23:59:59.999Z");
        invoice.At("invoice.customer.external_id").ShouldBe(MoneyScene.Customer);
        invoice.At("invoice.subscriptions.0.external_id").ShouldBe(MoneyScene.Subscription);

        var balances = await scene.BalancesAsync();
        balances["receivable"].ShouldBe("102.52");
        balances["revenue:subscription"].ShouldBe("-100");
        balances["revenue:usage"].ShouldBe("-2.52");
    }

    [Fact]
    public async Task Replicas_that_run_together_make_one_invoice_for_each_period()
    {
        await using var scene = await MoneyScene.StartAsync();
        for (var n = 0; n < 10; n++)
        {
            await scene.SubscribeAsync($"sub-{n}");
            await scene.UseAsync("2031-03-10T00:00:00Z", 100, $"sub-{n}");
        }
        await using var other = await BillingApp.StartAsync(connectionString: scene.App.ConnectionString);
        var later = TimeSpan.FromDays(70);
        var ahead = (long)(scene.App.Services.GetRequiredService<CoreClock>().OffsetMs + later.TotalMilliseconds);
        foreach (var app in new[] { scene.App, other })
            app.Services.GetRequiredService<CoreClock>().OffsetMs = ahead;

        await Task.WhenAll(Enumerable.Range(0, 8).Select(n =>
            (n % 2 == 0 ? scene.App : other).Services.GetRequiredService<InvoiceRun>().RunDueAsync(CancellationToken.None)));

        (await scene.App.ScalarAsync<long>("select count(*) from invoices where status = 'finalized'")).ShouldBe(20);
        (await scene.App.ScalarAsync<long>("select count(*) from (select subscription_id, period_from from invoices group by 1, 2) once")).ShouldBe(20);
        // gapless, and of each subscription the earlier period has the lower number
        (await scene.App.ScalarAsync<bool>("select array_agg(sequential_id order by sequential_id) = array(select generate_series(1, 20)::bigint) from invoices")).ShouldBeTrue();
        (await scene.App.ScalarAsync<long>("""
            select count(*) from invoices a join invoices b on a.subscription_id = b.subscription_id and a.period_from < b.period_from and a.sequential_id > b.sequential_id
            """)).ShouldBe(0);
        (await scene.App.ScalarAsync<long>("select count(*) from ledger_entries")).ShouldBe(20);
        await scene.BalancesAsync();
    }

    [Fact]
    public async Task A_core_that_was_down_for_months_catches_up_in_order()
    {
        await using var scene = await MoneyScene.StartAsync(timezone: "Europe/Berlin");
        await scene.SubscribeAsync(at: "2031-03-10T09:00:00Z");      // pending until then
        await scene.MoveClockAsync("2031-07-01T00:00:00Z");

        var invoices = await scene.InvoicesAsync();
        invoices.Select(invoice => invoice.At("invoice.number")).ShouldBe(["QTA-001-001", "QTA-001-002", "QTA-001-003", "QTA-001-004"]);
        invoices.Select(invoice => invoice.At("invoice.fees.0.from_date")).ShouldBe(
            ["2031-03-10T09:00:00.000Z", "2031-03-31T22:00:00.000Z", "2031-04-30T22:00:00.000Z", "2031-05-31T22:00:00.000Z"]);
        // 22 of March's 31 days, then whole months
        invoices.Select(invoice => invoice.At("invoice.total_amount_cents")).ShouldBe(["7097", "10000", "10000", "10000"]);
    }

    [Fact]
    public async Task A_draft_waits_out_its_grace_and_takes_up_late_usage()
    {
        await using var scene = await MoneyScene.StartAsync(graceDays: 3);
        await scene.SubscribeAsync();
        await scene.MoveClockAsync("2031-04-01T12:00:00Z");
        var draft = (await scene.InvoicesAsync()).ShouldHaveSingleItem();
        draft.At("invoice.status").ShouldBe("draft");
        draft.At("invoice.number").ShouldBeNull();
        draft.At("invoice.total_amount_cents").ShouldBe("10000");
        (await scene.BalancesAsync()).ShouldBeEmpty();

        await scene.UseAsync("2031-03-31T23:00:00Z", 1000);
        var refreshed = (await scene.App.PutAsync($"/api/v1/invoices/{draft.At("invoice.lago_id")}/refresh", "{}")).ShouldBe(200);
        refreshed.At("invoice.total_amount_cents").ShouldBe("10201");
        await scene.UseAsync("2031-03-31T23:00:01Z", 1000);
        await scene.MoveClockAsync("2031-04-04T00:00:00Z");

        var final = (await scene.InvoicesAsync()).ShouldHaveSingleItem();
        final.At("invoice.status").ShouldBe("finalized");
        final.At("invoice.issuing_date").ShouldBe("2031-04-04");
        final.At("invoice.total_amount_cents").ShouldBe("10302");
        (await scene.App.PutAsync($"/api/v1/invoices/{final.At("invoice.lago_id")}/finalize", "{}")).ShouldBe(405);
        (await scene.App.PutAsync($"/api/v1/invoices/{final.At("invoice.lago_id")}/refresh", "{}")).ShouldBe(405);
    }

    [Fact]
    public async Task A_draft_can_be_finalized_within_its_grace_once()
    {
        await using var scene = await MoneyScene.StartAsync(graceDays: 10);
        await scene.SubscribeAsync();
        await scene.MoveClockAsync("2031-04-02T00:00:00Z");
        var id = (await scene.InvoicesAsync())[0].At("invoice.lago_id");
        var answers = await Task.WhenAll(Enumerable.Range(0, 5).Select(_ => scene.App.PutAsync($"/api/v1/invoices/{id}/finalize", "{}")));
        answers.Select(answer => answer.Status).Order().ShouldBe([200, 405, 405, 405, 405]);
        var invoice = (await scene.InvoicesAsync())[0];
        invoice.At("invoice.issuing_date").ShouldBe("2031-04-02");
        (await scene.App.ScalarAsync<long>("select count(*) from ledger_entries")).ShouldBe(1);
        (await scene.App.GetAsync($"/api/v1/invoices/{Guid.CreateVersion7(DateTimeOffset.UnixEpoch)}")).ShouldBe(404).At("code").ShouldBe("invoice_not_found");
    }

    [Fact]
    public async Task A_terminated_subscription_owes_the_days_it_was_used_and_no_more()
    {
        await using var scene = await MoneyScene.StartAsync();
        await scene.SubscribeAsync();
        await scene.MoveClockAsync("2031-03-10T12:00:00Z");
        (await scene.App.DeleteAsync($"/api/v1/subscriptions/{MoneyScene.Subscription}")).ShouldBe(200).At("subscription.status").ShouldBe("terminated");
        await scene.MoveClockAsync("2031-06-01T00:00:00Z");
        var invoice = (await scene.InvoicesAsync()).ShouldHaveSingleItem();
        // 10 of 31 days: 32.258…
        invoice.At("invoice.total_amount_cents").ShouldBe("3226");
        invoice.At("invoice.fees.0.amount_details.days").ShouldBe("10");
    }

    [Fact]
    public async Task One_customers_trouble_keeps_nobody_elses_invoice()
    {
        await using var scene = await MoneyScene.StartAsync();
        await scene.SubscribeAsync("sick");
        await scene.SubscribeAsync("well");
        // 3 × 10²⁰ tokens at $0.001 are more cents than fit 64 bits.
        for (var n = 0; n < 300; n++)
            await UseHugeAsync(scene, n);
        (await scene.App.GetAsync($"/api/v1/customers/{MoneyScene.Customer}/current_usage?external_subscription_id=sick")).ShouldBe(422).At("error_details.amount_cents.0")!.ShouldContain("absurd");
        await scene.MoveClockAsync("2031-04-01T00:00:00Z");
        (await scene.InvoicesAsync()).ShouldHaveSingleItem().At("invoice.fees.0.external_subscription_id").ShouldBe("well");
        // Cured, the next run catches up.
        await using (var connection = await scene.App.OpenAsync())
        {
            await using var cure = new NpgsqlCommand("update usage_events set properties = '{}'; update usage_rollups set total = 0, most = null, least = null", connection);
            await cure.ExecuteNonQueryAsync();
        }
        await scene.MoveClockAsync("2031-04-01T00:01:00Z");
        (await scene.InvoicesAsync()).Count.ShouldBe(2);

        static async Task UseHugeAsync(MoneyScene scene, int n) => (await scene.App.PostAsync("/api/v1/events", new
        {
            @event = new
            {
                transaction_id = $"huge-{n}", external_subscription_id = "sick", code = "llm.request",
                timestamp = DateTimeOffset.Parse("2031-03-02T00:00:00Z", System.Globalization.CultureInfo.InvariantCulture).ToUnixTimeSeconds(),
                properties = new { tokens = 999_999_999_999_999_999 },
            },
        })).ShouldBe(200);
    }

    [Fact]
    public void A_command_that_took_too_long_is_trouble_of_its_row_and_a_lost_database_ends_the_run()
    {
        InvoiceRun.IsOfThisRow(new NpgsqlException("too long", new TimeoutException())).ShouldBeTrue();
        InvoiceRun.IsOfThisRow(new NpgsqlException("lost", new IOException())).ShouldBeFalse();
        InvoiceRun.IsOfThisRow(new OperationCanceledException()).ShouldBeFalse();
        InvoiceRun.IsOfThisRow(new OverflowException()).ShouldBeTrue();
    }

    [Fact]
    public async Task Drafts_behind_a_failed_one_are_not_waited_for()
    {
        await using var scene = await MoneyScene.StartAsync(graceDays: 20);
        await scene.SubscribeAsync();
        await scene.UseAsync("2031-03-02T00:00:00Z", 5);
        await scene.MoveClockAsync("2031-05-02T00:00:00Z");
        // March is finalized, April a draft. More than an invoice can hold comes late for April, and waits with May behind it.
        (await scene.App.PostAsync("/api/v1/events/batch", new
        {
            events = Enumerable.Range(0, 300).Select(n => new
            {
                transaction_id = $"late-{n}", external_subscription_id = MoneyScene.Subscription, code = "llm.request",
                timestamp = DateTimeOffset.Parse("2031-04-02T00:00:00Z", System.Globalization.CultureInfo.InvariantCulture).ToUnixTimeSeconds(),
                properties = new { tokens = 999_999_999_999_999_999 },
            }),
        })).ShouldBe(200);
        var patience = Stopwatch.StartNew();
        await scene.MoveClockAsync("2031-06-25T00:00:00Z");
        patience.Elapsed.ShouldBeLessThan(TimeSpan.FromSeconds(20));
        (await scene.InvoicesAsync()).Select(invoice => invoice.At("invoice.status")).ShouldBe(["finalized", "draft", "draft"]);
    }

    [Fact]
    public async Task A_subscription_that_cannot_start_keeps_nobody_from_the_invoice()
    {
        await using var scene = await MoneyScene.StartAsync();
        await scene.SubscribeAsync();
        await scene.SubscribeAsync("stuck", at: "2031-09-01T00:00:00Z");
        await ExecuteAsync(scene, """
            insert into customers (id, external_id, timezone, created_at) values ('0199a000-0000-7000-8000-000000000002', 'odd', 'Mars/Olympus', now());
            update subscriptions set customer_id = '0199a000-0000-7000-8000-000000000002', subscription_at = '2031-02-01' where external_id = 'stuck';
            update subscriptions set period_from = '2031-01-01', period_to = '2031-02-01' where external_id = 'acme-main'
            """);
        // The job looks every few seconds.
        await Eventually.TrueAsync("the other subscription is invoiced", async () => (await scene.InvoicesAsync()).Count > 0, TimeSpan.FromSeconds(30));
    }

    private static async Task ExecuteAsync(MoneyScene scene, string sql)
    {
        await using var connection = await scene.App.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }

    [Fact]
    public async Task An_invoice_over_nothing_is_paid_at_once_and_posts_nothing()
    {
        await using var scene = await MoneyScene.StartAsync(card: "visa");
        (await scene.App.PostAsync("/api/v1/plans", new { plan = new { name = "Free", code = "free", interval = "monthly", amount_cents = 0, amount_currency = "USD" } })).ShouldBe(200);
        (await scene.App.PostAsync("/api/v1/subscriptions", new { subscription = new { external_customer_id = MoneyScene.Customer, plan_code = "free" } })).ShouldBe(200);
        await scene.MoveClockAsync("2031-04-01T00:00:00Z");
        var invoice = (await scene.InvoicesAsync()).ShouldHaveSingleItem();
        invoice.At("invoice.payment_status").ShouldBe("succeeded");
        invoice.At("invoice.number").ShouldBe("QTA-001-001");
        (await scene.BalancesAsync()).ShouldBeEmpty();
        scene.Stripe.Captures.ShouldBeEmpty();
    }

    [Theory]
    [InlineData("update invoices set total_amount_cents = 1")]
    [InlineData("update invoices set number = 'X'")]
    [InlineData("update invoices set status = 'draft'")]
    [InlineData("delete from invoices")]
    [InlineData("update fees set amount_cents = 1")]
    [InlineData("delete from fees")]
    [InlineData("insert into fees select gen_random_uuid(), invoice_id, 99, fee_type, charge_id, item_code, item_name, units, events_count, precise_amount, amount_cents, currency, from_date, to_date, amount_details from fees")]
    public async Task A_finalized_invoice_never_changes(string sql)
    {
        await using var scene = await MoneyScene.StartAsync();
        await scene.SubscribeAsync();
        await scene.MoveClockAsync("2031-04-01T00:00:00Z");
        await using var connection = await scene.App.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        (await Should.ThrowAsync<PostgresException>(command.ExecuteNonQueryAsync())).SqlState.ShouldBe("23000");
    }
}
