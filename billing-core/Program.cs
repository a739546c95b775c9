using Quota.Billing.Access;
using Quota.Billing.Catalog;
using Quota.Billing.Clock;
using Quota.Billing.Customers;
using Quota.Billing.Database;
using Quota.Billing.Diagnostics;
using Quota.Billing.Epochs;
using Quota.Billing.Gateways;
using Quota.Billing.Facts;
using Quota.Billing.Http;
using Quota.Billing.Ingest;
using Quota.Billing.Invoicing;
using Quota.Billing.Ledger;
using Quota.Billing.Metering;
using Quota.Billing.Outbox;
using Quota.Billing.Payments;
using Quota.Billing.Rating;
using Quota.Billing.Reconciliation;
using Quota.Billing.Subscriptions;
using Quota.Shared.Hosting;

namespace Quota.Billing;

/// <summary>The billing core's table of contents: one line a room, then the pipeline in order.</summary>
public static partial class Program
{
    /// <summary>0 after an orderly end, 1 when the settings or the database cannot be used.</summary>
    public static async Task<int> Main(string[] args)
    {
        try
        {
            await using var app = Build(args);
            if (args.Contains("--migrate-only"))
            {
                await app.Services.GetRequiredService<Migrator>().MigrateAsync(CancellationToken.None);
                return 0;
            }
            await StartStep.RunAllAsync(app.Services, CancellationToken.None);
            await app.RunAsync();
            return 0;
        }
        catch (Exception error) when (StartFailure.Explain(error) is { } explanation)
        {
            await Console.Error.WriteLineAsync(explanation);
            return 1;
        }
    }

    /// <summary>The whole process, not started. Tests host it in their own process.</summary>
    /// <exception cref="SettingsException">Lists every setting that cannot be used.</exception>
    public static WebApplication Build(string[] args)
    {
        // appsettings.json lies beside the program, wherever it is started from.
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions
        {
            Args = [.. args.Where(arg => arg != "--migrate-only")],
            ContentRootPath = AppContext.BaseDirectory,
        });
        var (services, settings, report) = (builder.Services, builder.Configuration, new SettingsReport());

        builder.AddHttp(report);
        services.AddDatabase(settings, report);         // started first: the schema
        services.AddClock(settings, report);
        services.AddAccess(settings, report);
        services.AddDiagnostics();
        services.AddCustomers();
        services.AddEpochs();
        services.AddGateways(settings, report);
        services.AddFacts();
        services.AddMetering();
        services.AddIngest(settings, report);
        services.AddRating();
        services.AddCatalog();
        services.AddSubscriptions();
        services.AddInvoicing();
        services.AddLedger();
        services.AddOutbox();
        services.AddPayments(settings, report);
        services.AddReconciliation();
        report.ThrowIfAny();

        var app = builder.Build();
        app.UseHttp();              // the edge: exceptions, refusals in one shape, text that PostgreSQL cannot hold
        app.UseAccess();            // who is calling; default deny
        app.UseIngest();            // bounded concurrency before a body is read

        app.MapDiagnostics();
        app.MapClock();
        app.MapCustomers();
        app.MapEpochs();
        app.MapGateways();
        app.MapFacts();
        app.MapMetering();
        app.MapIngest();
        app.MapCatalog();
        app.MapSubscriptions();
        app.MapInvoicing();
        app.MapLedger();
        app.MapPayments();
        app.MapReconciliation();
        return app;
    }
}
