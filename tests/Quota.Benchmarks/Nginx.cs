using Quota.TestKit;

namespace Quota.Benchmarks;

/// <summary>
/// nginx as a plain proxy: what the same hop costs in C. One process a core without a master, sharing the port by SO_REUSEPORT, since
/// the kernel kills children of ours with us, but not theirs. Disposing stops them and removes their folder.
/// </summary>
internal sealed class Nginx : IAsyncDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("quota-nginx-");

    private Nginx()
    {
    }

    public int Port { get; } = FreePort.Next();

    public IReadOnlyList<CaptiveProcess> Processes { get; private set; } = [];

    /// <summary>Null when it is not installed.</summary>
    public static async Task<Nginx?> StartAsync(int upstreamPort)
    {
        if (Executables.Find("nginx") is not { } nginx)
            return null;
        var it = new Nginx();
        List<CaptiveProcess> processes = [];
        for (var core = 0; core < Environment.ProcessorCount; core++)
        {
            var folder = it._folder.CreateSubdirectory($"{core}").FullName;
            var file = Path.Combine(folder, "nginx.conf");
            await File.WriteAllTextAsync(file, Config(it.Port, upstreamPort, folder));
            processes.Add(CaptiveProcess.Start(new CaptiveCommand(nginx, "-p", folder, "-c", file, "-e", "stderr")));
        }
        it.Processes = processes;
        await Eventually.TrueAsync("nginx listens", () => FreePort.IsTaken(it.Port) || processes.Any(process => process.HasExited), detail: () => processes[0].Output);
        return processes.All(process => !process.HasExited) ? it : throw new InvalidOperationException("nginx ended: " + processes[0].Output);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var process in Processes)
            await process.DisposeAsync();
        _folder.Delete(recursive: true);
    }

    private static string Config(int port, int upstreamPort, string folder) => $$"""
        daemon off;
        master_process off;
        pid {{folder}}/pid;
        events { worker_connections 1024; }
        http {
            access_log off;
            client_body_temp_path {{folder}}/body; proxy_temp_path {{folder}}/proxy; fastcgi_temp_path {{folder}}/f; uwsgi_temp_path {{folder}}/u; scgi_temp_path {{folder}}/s;
            keepalive_requests 1000000000;
            upstream provider { server 127.0.0.1:{{upstreamPort}}; keepalive 128; keepalive_requests 1000000000; }
            server {
                listen 127.0.0.1:{{port}} reuseport;
                location / { proxy_pass http://provider; proxy_http_version 1.1; proxy_set_header Connection ""; }
            }
        }
        """;
}
