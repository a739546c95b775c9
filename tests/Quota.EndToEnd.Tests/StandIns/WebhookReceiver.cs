using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Quota.TestKit;

namespace Quota.EndToEnd.Tests.StandIns;

/// <summary>Takes webhooks and remembers them.</summary>
internal sealed class WebhookReceiver : IAsyncDisposable
{
    private readonly HttpListener _listener = new();
    private readonly List<(string Body, string Signature)> _received = [];
    private readonly Lock _gate = new();
    private Task _loop = Task.CompletedTask;

    public string Url { get; private set; } = "";

    /// <summary>How many of the next ones are answered with 500 and forgotten.</summary>
    public int Refuse { get; set; }

    public IReadOnlyList<(string Body, string Signature)> Received
    {
        get
        {
            lock (_gate)
                return [.. _received];
        }
    }

    public IEnumerable<string> Types => Received.Select(r => JsonNode.Parse(r.Body)!["type"]!.GetValue<string>());

    public static Task<WebhookReceiver> StartAsync()
    {
        var receiver = new WebhookReceiver { Url = $"http://127.0.0.1:{FreePort.Next()}/webhooks/stripe/" };
        receiver._listener.Prefixes.Add(receiver.Url);
        receiver._listener.Start();
        receiver._loop = receiver.LoopAsync();
        return Task.FromResult(receiver);
    }

    public async ValueTask DisposeAsync()
    {
        _listener.Stop();
        await _loop;
        _listener.Close();
    }

    private async Task LoopAsync()
    {
        while (true)
        {
            HttpListenerContext context;
            try
            {
                context = await _listener.GetContextAsync();
            }
            catch (Exception error) when (error is HttpListenerException or ObjectDisposedException)
            {
                return;
            }

            using var reader = new StreamReader(context.Request.InputStream, Encoding.UTF8);
            var body = await reader.ReadToEndAsync();
            if (Refuse > 0)
            {
                Refuse--;
                context.Response.StatusCode = 500;
            }
            else
            {
                lock (_gate)
                    _received.Add((body, context.Request.Headers["Stripe-Signature"]!));
            }

            context.Response.Close();
        }
    }
}
