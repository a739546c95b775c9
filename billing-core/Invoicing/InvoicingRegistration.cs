using Quota.Billing.Clock;
using Quota.Billing.Metering;

namespace Quota.Billing.Invoicing;

/// <summary>The room's door.</summary>
internal static class InvoicingRegistration
{
    public static void AddInvoicing(this IServiceCollection services)
    {
        services.AddSingleton<InvoiceBuilder>();
        services.AddSingleton<InvoiceFinalizer>();
        services.AddSingleton<InvoiceStore>();
        services.AddSingleton<InvoiceRun>();
        services.AddSingleton<IDueWork>(provider => provider.GetRequiredService<InvoiceRun>());
        services.AddHostedService<InvoiceRunJob>();
        services.AddSingleton<IEventsNeeded, EventsForInvoices>();
    }
}
