using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Quota.TestKit;

namespace Quota.EndToEnd.Tests.StandIns;

/// <summary>Takes webhooks and remembers them.</summary>
internal sealed class WebhookReceiver : IAsyncDisposable
{
    private readonly WebApplication _app = LoopbackHost.Build(0);
    private readonly List<(string Body, string Signature)> _received = [];
    private readonly Lock _gate = new();
    private int _refuse;

    public string Url => LoopbackHost.UrlOf(_app) + "/webhooks/stripe/";

    /// <summary>How many of the next ones are answered with 500 and forgotten.</summary>
    public int Refuse
    {
        get
        {
            lock (_gate)
                return _refuse;
        }

        set
        {
            lock (_gate)
                _refuse = value;
        }
    }

    public IReadOnlyList<(string Body, string Signature)> Received
    {
        get
        {
            lock (_gate)
                return [.. _received];
        }
    }

    public IEnumerable<string> Types => Received.Select(r => JsonNode.Parse(r.Body)!["type"]!.GetValue<string>());

    public static async Task<WebhookReceiver> StartAsync()
    {
        var receiver = new WebhookReceiver();
        receiver._app.Run(receiver.TakeAsync);
        await receiver._app.StartAsync();
        return receiver;
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private async Task TakeAsync(HttpContext context)
    {
        using var reader = new StreamReader(context.Request.Body, Encoding.UTF8);
        var body = await reader.ReadToEndAsync();
        lock (_gate)
        {
            if (_refuse > 0)
            {
                _refuse--;
                context.Response.StatusCode = 500;
            }
            else
                _received.Add((body, context.Request.Headers["Stripe-Signature"].ToString()));
        }
    }
}
