using Microsoft.Extensions.Configuration;
using Quota.Billing.Payments;
using Quota.Shared.Hosting;

namespace Quota.Billing.Tests.Payments;

public sealed class StripeOptionsTests
{
    [Fact]
    public void Nothing_set_means_collection_is_off()
    {
        var (options, report) = Read([]);
        options.Collects.ShouldBeFalse();
        options.ApiBase.ShouldBe("https://api.stripe.com");
        report.Mistakes.ShouldBeEmpty();
    }

    [Fact]
    public void Every_mistake_is_named_and_no_secret_shown()
    {
        var (_, report) = Read(new() { ["Stripe:ApiKey"] = "sk live with spaces", ["Stripe:ApiBase"] = "ftp://x", ["Stripe:WebhookSecret"] = "short", ["Stripe:Timeout"] = "1h" });
        report.Mistakes.Select(mistake => mistake.Split(':')[0]).ShouldBe(["Stripe__ApiKey", "Stripe__ApiBase", "Stripe__WebhookSecret", "Stripe__Timeout"], ignoreOrder: true);
        report.Mistakes.ShouldNotContain(mistake => mistake.Contains("sk live") || mistake.Contains("short"));
    }

    private static (StripeOptions Options, SettingsReport Report) Read(Dictionary<string, string?> settings)
    {
        var report = new SettingsReport();
        return (StripeOptions.Read(new ConfigurationBuilder().AddInMemoryCollection(settings).Build(), report), report);
    }
}
