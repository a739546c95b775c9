namespace Quota.Billing.Ledger;

/// <summary>The room's door.</summary>
internal static class LedgerRegistration
{
    public static void AddLedger(this IServiceCollection services) => services.AddSingleton<LedgerStore>();
}
