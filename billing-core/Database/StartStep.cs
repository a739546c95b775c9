namespace Quota.Billing.Database;

/// <summary>
/// Something that must be done before any job runs and before the port opens. Steps run one after the other in the order of their
/// registration (<c>services.AddHostedService</c>), each once; one that throws ends the start.
/// </summary>
internal abstract class StartStep : IHostedLifecycleService
{
    private bool _done;

    public abstract Task StartingAsync(CancellationToken cancellationToken);

    /// <summary>
    /// Runs all steps ahead of the host, which would log a stack trace for what <see cref="StartFailure"/> says in a sentence. A host
    /// that is started without this runs them itself.
    /// </summary>
    public static async Task RunAllAsync(IServiceProvider services, CancellationToken cancel)
    {
        foreach (var step in services.GetServices<IHostedService>().OfType<StartStep>())
            await ((IHostedLifecycleService)step).StartingAsync(cancel);
    }

    async Task IHostedLifecycleService.StartingAsync(CancellationToken cancellationToken)
    {
        if (_done)
            return;
        await StartingAsync(cancellationToken);
        _done = true;
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
