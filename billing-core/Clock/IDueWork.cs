namespace Quota.Billing.Clock;

/// <summary>
/// Work that becomes due as time passes: invoice runs, the outbox. A background job does it in production; when a test clock is
/// moved, all of it is done before the move is answered. To add another: implement this and register it with
/// <c>services.AddSingleton&lt;IDueWork, …&gt;()</c> in the room's registration.
/// </summary>
internal interface IDueWork
{
    /// <summary>Lower runs first: what makes work for others comes before them.</summary>
    int Order { get; }

    /// <summary>Does everything that is due by the core's clock. May run beside the background job and on other replicas.</summary>
    Task RunDueAsync(CancellationToken cancel);
}
