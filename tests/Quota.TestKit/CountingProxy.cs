using System.Diagnostics;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace Quota.TestKit;

/// <summary>One request that passed a <see cref="CountingProxy"/>, and how it was answered.</summary>
/// <param name="Key">The bearer token it came with, or "".</param>
/// <param name="At">When it came, since the proxy's start.</param>
/// <param name="Status">Of the answer.</param>
/// <param name="Headers">Of the answer; names in any case, several values joined by a comma.</param>
public sealed record Attempt(string Key, string Method, string Path, TimeSpan At, int Status, IReadOnlyDictionary<string, string> Headers);

/// <summary>
/// Stands between a client and a server, passes everything on as it comes, and counts: how often an SDK really tried, and when.
/// Disposing stops it.
/// </summary>
public sealed class CountingProxy : IAsyncDisposable
{
    private static readonly string[] PerHop = ["Connection", "Transfer-Encoding", "Keep-Alive", "Host"];

    private readonly WebApplication _app;
    private readonly HttpClient _http = new(new SocketsHttpHandler { UseProxy = false, AllowAutoRedirect = false, UseCookies = false });
    private readonly string _target;
    private readonly long _started = Stopwatch.GetTimestamp();
    private readonly Lock _gate = new();
    private readonly List<Attempt> _attempts = [];

    private CountingProxy(WebApplication app, string target) => (_app, _target) = (app, target);

    /// <summary>Without a trailing slash.</summary>
    public string Url { get; private set; } = "";

    /// <summary>Starts one in front of this base URL, on 127.0.0.1 and a free port.</summary>
    public static async Task<CountingProxy> StartAsync(string target)
    {
        var app = LoopbackHost.Build(0);
        var proxy = new CountingProxy(app, target);
        app.Run(proxy.PassAsync);
        await app.StartAsync();
        proxy.Url = LoopbackHost.UrlOf(app);
        return proxy;
    }

    /// <summary>What came with this bearer token, in the order of the answers.</summary>
    public IReadOnlyList<Attempt> AttemptsOf(string key)
    {
        lock (_gate)
            return [.. _attempts.Where(attempt => attempt.Key == key)];
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        _http.Dispose();
    }

    private async Task PassAsync(HttpContext context)
    {
        var at = Stopwatch.GetElapsedTime(_started);
        using var request = Request(context.Request);
        using var answer = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, context.RequestAborted);
        var headers = answer.Headers.Concat(answer.Content.Headers).Where(header => !PerHop.Contains(header.Key, StringComparer.OrdinalIgnoreCase))
            .ToDictionary(header => header.Key, header => string.Join(',', header.Value), StringComparer.OrdinalIgnoreCase);
        var key = context.Request.Headers.Authorization.ToString();
        lock (_gate)
        {
            _attempts.Add(new Attempt(key.StartsWith("Bearer ", StringComparison.Ordinal) ? key[7..] : "",
                context.Request.Method, context.Request.Path, at, (int)answer.StatusCode, headers));
        }
        context.Response.StatusCode = (int)answer.StatusCode;
        foreach (var (name, value) in headers)
            context.Response.Headers[name] = value;
        await using var body = await answer.Content.ReadAsStreamAsync(context.RequestAborted);
        var buffer = new byte[16 * 1024];
        while (await body.ReadAsync(buffer, context.RequestAborted) is var count and > 0)
        {
            await context.Response.Body.WriteAsync(buffer.AsMemory(0, count), context.RequestAborted);
            await context.Response.Body.FlushAsync(context.RequestAborted);
        }
    }

    private HttpRequestMessage Request(HttpRequest from)
    {
        var request = new HttpRequestMessage(new HttpMethod(from.Method), _target + from.Path + from.QueryString);
        if (from.ContentLength is not null and not 0 || from.Headers.TransferEncoding.Count > 0)
            request.Content = new StreamContent(from.Body);
        foreach (var (name, value) in from.Headers.Where(header => !PerHop.Contains(header.Key, StringComparer.OrdinalIgnoreCase)))
        {
            if (!request.Headers.TryAddWithoutValidation(name, value.AsEnumerable()))
                request.Content?.Headers.TryAddWithoutValidation(name, value.AsEnumerable());
        }
        return request;
    }
}
