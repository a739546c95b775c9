using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using Quota.Shared.Usage;

namespace Quota.Gateway.Shipping;

/// <summary>Sends batches to the billing core, which answers per event.</summary>
internal sealed class CoreSink(HttpClient http, GatewayIdentity identity) : IEventSink
{
    public string Name => "core";

    public async Task<IReadOnlyList<ShipResult>> SendAsync(ShipBatch batch, CancellationToken cancellation)
    {
        using var content = new ByteArrayContent(BodyOf(batch));
        content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        using var response = await http.PostAsync("internal/v1/usage", content, cancellation);
        response.EnsureSuccessStatusCode();
        var answer = await response.Content.ReadFromJsonAsync(UsageJson.Default.ShipAnswer, cancellation);
        if (answer?.Results?.Count != batch.Events.Count)
            throw new HttpRequestException($"the core answered {answer?.Results?.Count ?? 0} results for {batch.Events.Count} events");
        return answer.Results;
    }

    /// <summary>The events go out as the bytes that were spooled: they are the event's identity.</summary>
    private byte[] BodyOf(ShipBatch batch)
    {
        using var body = new MemoryStream();
        body.Write(Encoding.UTF8.GetBytes($"{{\"instance\":\"{identity.Instance}\",\"events\":["));
        Join(body, batch.Events);
        body.Write("],\"settled\":["u8);
        Join(body, batch.Settled);
        body.Write("]}"u8);
        return body.ToArray();
    }

    private static void Join(MemoryStream body, IReadOnlyList<byte[]> items)
    {
        for (var i = 0; i < items.Count; i++)
        {
            if (i > 0)
                body.WriteByte((byte)',');
            body.Write(items[i]);
        }
    }
}
