namespace Quota.Billing.Database;

/// <summary>
/// Something that must be done before any job runs and before the port opens. Steps run one after the other in the order of their
/// registration (<c>services.AddHostedService</c>); one that throws ends the start.
/// </summary>
internal abstract class StartStep : IHostedLifecycleService
{
    public abstract Task StartingAsync(CancellationToken cancellationToken);

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
