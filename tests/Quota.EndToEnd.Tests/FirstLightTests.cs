using System.ClientModel;
using OpenAI;
using OpenAI.Chat;
using Quota.TestKit;
using static Quota.EndToEnd.Tests.Product;

namespace Quota.EndToEnd.Tests;

/// <summary>One request's whole way with the real OpenAI SDK, only its base URL changed: from the call to a paid invoice.</summary>
public sealed class FirstLightTests(Product product) : IClassFixture<Product>
{
    private ChatClient Sdk(string key) => new("gpt-4o-mini", new ApiKeyCredential(key), new OpenAIClientOptions { Endpoint = new Uri(product.Gateway.Url + "/v1") });

    private static string Prompt(TraceRow row) => string.Concat(Enumerable.Repeat("word ", row.ContextTokens - 1)) + $"reply:{row.GeneratedTokens}";

    [Fact]
    public async Task A_slice_of_the_trace_is_served_metered_invoiced_and_paid_to_the_unit()
    {
        var rows = Trace.Read(60);
        var sdk = Sdk(product.Ada);
        await Parallel.ForAsync(0, rows.Count, new ParallelOptions { MaxDegreeOfParallelism = 8 }, async (i, _) =>
        {
            var options = new ChatCompletionOptions { MaxOutputTokenCount = Math.Max(1, rows[i].GeneratedTokens) };
            if (i % 2 == 0)
            {
                var answer = (await sdk.CompleteChatAsync([new UserChatMessage(Prompt(rows[i]))], options)).Value;
                answer.Usage.InputTokenCount.ShouldBe(rows[i].ContextTokens);
                answer.Usage.OutputTokenCount.ShouldBe(rows[i].GeneratedTokens);
                return;
            }
            var (words, finished) = (0, false);
            await foreach (var update in sdk.CompleteChatStreamingAsync([new UserChatMessage(Prompt(rows[i]))], options))
            {
                words += update.ContentUpdate.Sum(part => part.Text.Split(' ', StringSplitOptions.RemoveEmptyEntries).Length);
                finished |= update.FinishReason is not null;
            }
            words.ShouldBe(rows[i].GeneratedTokens);
            finished.ShouldBeTrue();
        });
        await ShowsRefusalsAsync();

        var (input, output) = (rows.Sum(row => (decimal)row.ContextTokens), rows.Sum(row => (decimal)row.GeneratedTokens));
        var served = product.Provider.Served.Totals;
        await Eventually.TrueAsync("every event is metered", async () => (await product.UsageAsync())["requests"] == served.Requests);
        var usage = await product.UsageAsync();
        usage["input_tokens"].ShouldBe(served.InputTokens);
        usage["output_tokens"].ShouldBe(served.OutputTokens);
        served.InputTokens.ShouldBeGreaterThan((long)input);   // and eve's two calls
        await CounterEqualsEventsAsync(served);

        await product.EndMonthAsync();
        await Eventually.TrueAsync("the invoice is paid", async () => (await InvoicesAsync()) is [var invoice] && invoice.GetProperty("payment_status").GetString() == "succeeded",
            detail: () => product.Core.Process.Output);
        await CheckInvoiceAsync(served);
        output.ShouldBeLessThanOrEqualTo(served.OutputTokens);
    }

    /// <summary>Eve may do two requests a minute; the SDK turns the refusal into its own rate-limit error.</summary>
    private async Task ShowsRefusalsAsync()
    {
        var options = new OpenAIClientOptions { Endpoint = new Uri(product.Gateway.Url + "/v1"), RetryPolicy = new System.ClientModel.Primitives.ClientRetryPolicy(0) };
        var eve = new ChatClient("gpt-4o-mini", new ApiKeyCredential(product.Eve), options);
        for (var i = 0; i < 2; i++)
            await eve.CompleteChatAsync("hello reply:1");
        var refused = await Should.ThrowAsync<ClientResultException>(() => eve.CompleteChatAsync("hello reply:1"));
        refused.Status.ShouldBe(429);
        refused.Message.ShouldContain("eve-rpm");
        refused.GetRawResponse()!.Headers.TryGetValue("retry-after", out var wait).ShouldBeTrue();
        int.Parse(wait!, System.Globalization.CultureInfo.InvariantCulture).ShouldBeInRange(1, 30);
    }

    /// <summary>The counter that enforced the org's spend is the sum of what its events say, to the nano-unit.</summary>
    private async Task CounterEqualsEventsAsync(ProviderTotals served)
    {
        var linear = (served.InputTokens * 0.15m + served.OutputTokens * 0.60m) / 1_000_000;
        await Eventually.TrueAsync("the counter is the sum", async () => await product.StandingAsync("acme-month") == (linear, 0m));
    }

    private async Task<System.Text.Json.JsonElement[]> InvoicesAsync() =>
        [.. (await product.GetAsync("/api/v1/invoices?external_customer_id=acme")).GetProperty("invoices").EnumerateArray()];

    private async Task CheckInvoiceAsync(ProviderTotals served)
    {
        var listed = (await InvoicesAsync()).Single();
        var invoice = (await product.GetAsync($"/api/v1/invoices/{listed.GetProperty("lago_id").GetString()}")).GetProperty("invoice");
        invoice.GetProperty("status").GetString().ShouldBe("finalized");
        var fees = invoice.GetProperty("fees").EnumerateArray().ToDictionary(fee => fee.GetProperty("item").GetProperty("code").GetString()!);
        Number(fees["input_tokens"].GetProperty("units")).ShouldBe(served.InputTokens);
        Number(fees["output_tokens"].GetProperty("units")).ShouldBe(served.OutputTokens);

        var graduated = 10_000 * 0.003m + (served.InputTokens - 10_000) * 0.002m;
        long Cents(decimal amount) => (long)decimal.Round(amount * 100, 0, MidpointRounding.AwayFromZero);
        fees["input_tokens"].GetProperty("amount_cents").GetInt64().ShouldBe(Cents(graduated));
        fees["output_tokens"].GetProperty("amount_cents").GetInt64().ShouldBe(Cents(served.OutputTokens * 0.01m));
        var total = invoice.GetProperty("total_amount_cents").GetInt64();
        total.ShouldBe(fees.Values.Sum(fee => fee.GetProperty("amount_cents").GetInt64()));
        total.ShouldBe(4900 + Cents(graduated) + Cents(served.OutputTokens * 0.01m) + Cents(served.Requests * 0.0005m));

        product.Stripe.Captures.Single().Amount.ShouldBe(total);
        var ledger = await product.GetAsync("/api/v1/ledger/balances");
        Number(ledger.GetProperty("sum_by_currency").GetProperty("USD")).ShouldBe(0);
        ledger.GetProperty("balances").EnumerateArray().Where(balance => balance.GetProperty("account").GetString()!.Contains("eceivable", StringComparison.Ordinal)).Sum(balance => Number(balance.GetProperty("amount"))).ShouldBe(0);
    }
}
