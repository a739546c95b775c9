using Quota.Billing.Outbox;
using Quota.Billing.Payments.Webhooks;
using Quota.Shared.Hosting;

namespace Quota.Billing.Payments;

/// <summary>The room's door. Without an API key the handlers are absent, and what is owed waits in the outbox.</summary>
internal static class PaymentsRegistration
{
    public static void AddPayments(this IServiceCollection services, IConfiguration configuration, SettingsReport report)
    {
        var options = StripeOptions.Read(configuration, report);
        services.AddSingleton(options);
        services.AddSingleton<AttemptStore>();
        services.AddSingleton<CollectionPlanner>();
        services.AddSingleton<StripeEventStore>();
        services.AddHostedService<PaymentsAtStart>();
        if (!options.Collects)
            return;
        services.AddSingleton<StripeGateway>();
        services.AddSingleton<PaymentNews>();
        services.AddSingleton<IOutboxHandler, InvoiceCollector>();
        services.AddSingleton<IOutboxHandler, PaymentIntentHandler>();
    }
}

/// <summary>Says at start what is off.</summary>
internal sealed class PaymentsAtStart(StripeOptions options, ILogger<PaymentsAtStart> log) : IHostedService
{
    public Task StartAsync(CancellationToken cancellationToken)
    {
        if (options.Collects)
            Log.CollectionOn(log, options.ApiBase);
        else
            Log.CollectionOff(log);
        if (options.WebhookSecret is null)
            Log.WebhooksOff(log);
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
