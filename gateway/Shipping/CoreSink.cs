using System.Net.Http.Json;
using System.Text;
using Quota.Shared.Usage;

namespace Quota.Gateway.Shipping;

/// <summary>Sends batches to the billing core, which answers per event; each says how far time is done with.</summary>
internal sealed class CoreSink(HttpClient http, GatewayIdentity identity, Watermark watermark, GatewayClock clock) : IEventSink
{
    public string Name => "core";

    public bool TakesNotes => true;

    public async Task<ShipReply> SendAsync(ShipBatch batch, CancellationToken cancellation)
    {
        var body = new BatchBody("application/json", gzip => Write(gzip, batch));
        using var response = await http.PostAsync("internal/v1/usage", body.Content, cancellation);
        if (await HttpReplies.FailureOf(response, clock, cancellation) is { } failure)
            return failure;
        var answer = await response.Content.ReadFromJsonAsync(UsageJson.Default.ShipAnswer, cancellation);
        body.WasRead();
        return MistakeIn(batch, answer?.Results ?? []) is { } mistake ? new ShipReply.Later(mistake) : new ShipReply.Stored(answer?.Results ?? []);
    }

    /// <summary>An answer counts only when it can be told which event each of its results is of.</summary>
    private static string? MistakeIn(ShipBatch batch, IReadOnlyList<ShipResult> results)
    {
        if (results.Count != batch.Events.Count)
            return $"the core answered {results.Count} results for {batch.Events.Count} events";
        for (var i = 0; i < results.Count; i++)
        {
            if (results[i].Id != ShipBatch.IdOf(batch.Events[i]) && results[i].Id != Guid.Empty)
                return $"the core answered {results[i].Id} in the place of {ShipBatch.IdOf(batch.Events[i])}";
            if (!ShipStatus.All.Contains(results[i].Status))
                return $"the core answered the unknown status '{results[i].Status}'";
        }
        return null;
    }

    /// <summary>The events go out as the bytes that were spooled: they are the event's identity.</summary>
    private void Write(Stream body, ShipBatch batch)
    {
        var until = watermark.Told is { } told ? $"\"watermark\":\"{told:yyyy-MM-ddTHH:mm:ss.fffZ}\"," : "";
        body.Write(Encoding.UTF8.GetBytes($"{{\"instance\":\"{identity.Instance}\",{until}\"events\":["));
        BatchBody.Join(body, batch.Events, (byte)',');
        body.Write("],\"settled\":["u8);
        BatchBody.Join(body, batch.Settled, (byte)',');
        body.Write("]}"u8);
    }
}
