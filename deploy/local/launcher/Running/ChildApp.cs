using Quota.TestKit;

namespace Quota.Local.Running;

/// <summary>The billing core or the gateway, as a child with its settings in the environment and its output in a log file.</summary>
internal sealed class ChildApp : IAsyncDisposable
{
    private static readonly TimeSpan StartBound = TimeSpan.FromSeconds(60);

    private readonly LogFile _log;

    private ChildApp(string name, CaptiveProcess process, LogFile log) => (Name, Process, _log) = (name, process, log);

    public string Name { get; }

    public CaptiveProcess Process { get; }

    /// <summary>Starts it and waits until <paramref name="readyUrl"/> answers 200. Throws with its own last words when it ends before.</summary>
    public static async Task<ChildApp> StartAsync(
        string name, string project, string readyUrl, string logs, IReadOnlyDictionary<string, string?> settings, CancellationToken stopping)
    {
        var log = new LogFile(logs, name.Replace(' ', '-'));
        var process = CaptiveProcess.Start(new CaptiveCommand("dotnet", Repository.Assembly(project))
        {
            Environment = settings,
            WorkingDirectory = Path.GetDirectoryName(Repository.Assembly(project)),
            OnLine = log.Write,
            // The gateway lets running streams end and its spool drain.
            StopBound = TimeSpan.FromSeconds(30),
        });
        var app = new ChildApp(name, process, log);
        try
        {
            using var http = new HttpClient { Timeout = TimeSpan.FromSeconds(5) };
            await Eventually.TrueAsync(
                $"{name} is ready at {readyUrl}", () => app.IsReadyAsync(http, readyUrl, stopping), StartBound, () => process.Output);
            return app;
        }
        catch (TimeoutException error)
        {
            await app.DisposeAsync();
            throw new LocalError(error.Message);
        }
        catch
        {
            await app.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Process.DisposeAsync();
        _log.Dispose();
    }

    private async Task<bool> IsReadyAsync(HttpClient http, string url, CancellationToken stopping)
    {
        stopping.ThrowIfCancellationRequested();
        if (Process.HasExited)
            throw new LocalError($"The {Name} ended with code {Process.ExitCode}:{Environment.NewLine}{Process.Output}");
        try
        {
            using var answer = await http.GetAsync(new Uri(url), stopping);
            return answer.IsSuccessStatusCode;
        }
        catch (Exception error) when (error is HttpRequestException || error is TaskCanceledException && !stopping.IsCancellationRequested)
        {
            return false;
        }
    }
}
