namespace Quota.Billing.Reconciliation;

/// <summary>The door of this room: what was found not to agree, whoever found it.</summary>
internal static class ReconciliationRegistration
{
    public static void AddReconciliation(this IServiceCollection services) => services.AddSingleton<FindingStore>();

    public static void MapReconciliation(this WebApplication app) => app.MapFindings();
}
