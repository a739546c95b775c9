using System.Collections.Concurrent;
using System.Globalization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace Quota.TestKit;

/// <summary>
/// A server that is no model provider: it keeps what it was asked, and answers by the last segment of the path: <c>count</c> JSON with a number in
/// it, <c>header</c> with <c>x-duration: 2.2</c>, <c>fail</c> 500, <c>large</c> 3,000,000 bytes in pieces, everything else with nothing. Disposing stops it.
/// </summary>
public sealed class AnyServer : IAsyncDisposable
{
    public const string CountAnswer = """{"pages":[{"n":4},{"n":7}],"data":{"n":"no","items":[[1],{"count":2.5}]}}""";

    public const int LargeBytes = 3_000_000;

    private readonly WebApplication _app;
    private readonly ConcurrentQueue<AnyRequest> _asked = new();

    private AnyServer(WebApplication app) => _app = app;

    /// <summary>Without a trailing slash.</summary>
    public string BaseUrl { get; private set; } = "";

    /// <summary>What it was asked, in order.</summary>
    public IReadOnlyList<AnyRequest> Asked => [.. _asked];

    public static async Task<AnyServer> StartAsync()
    {
        var server = new AnyServer(LoopbackHost.Build(0));
        server._app.Run(server.AnswerAsync);
        await server._app.StartAsync();
        server.BaseUrl = LoopbackHost.UrlOf(server._app);
        return server;
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private async Task AnswerAsync(HttpContext context)
    {
        var (request, response, bytes) = (context.Request, context.Response, 0L);
        var buffer = new byte[16 * 1024];
        while (await request.Body.ReadAsync(buffer) is var count and > 0)
            bytes += count;
        var target = context.Features.Get<Microsoft.AspNetCore.Http.Features.IHttpRequestFeature>()!.RawTarget;
        _asked.Enqueue(new AnyRequest(request.Method, target, bytes, request.Headers.ToDictionary(header => header.Key, header => header.Value.ToString(), StringComparer.OrdinalIgnoreCase)));
        switch (request.Path.Value!.Split('/')[^1])
        {
            case "count":
                response.ContentType = "application/json";
                await response.WriteAsync(CountAnswer);
                break;
            case "header":
                response.Headers["x-duration"] = 2.2.ToString(CultureInfo.InvariantCulture);
                break;
            case "fail":
                response.StatusCode = 500;
                break;
            case "large":
                for (var sent = 0; sent < LargeBytes; sent += 100_000)
                    await response.Body.WriteAsync(new byte[100_000]);
                break;
        }
    }
}

/// <summary>One request as it came.</summary>
/// <param name="Target">Path and query, as they stood in the request line.</param>
public sealed record AnyRequest(string Method, string Target, long Bytes, IReadOnlyDictionary<string, string> Headers);
