namespace Quota.Gateway.Shipping;

/// <summary>
/// Posts events to any address: <c>ndjson</c>, an object a line, or <c>json</c>, an array. Any 2xx means that all of them are stored. Batches
/// are in flight together and may come twice: whoever receives them tells by <c>id</c>.
/// </summary>
internal sealed class HttpSink(HttpClient http, ShippingOptions options, GatewayClock clock) : IEventSink
{
    public string Name => "http";

    public async Task<ShipReply> SendAsync(ShipBatch batch, CancellationToken cancellation)
    {
        var body = options.AsArray ? new BatchBody("application/json", gzip => WriteArray(gzip, batch)) : new BatchBody("application/x-ndjson", gzip => WriteLines(gzip, batch));
        using var response = await http.PostAsync(options.Url, body.Content, cancellation);
        if (await HttpReplies.FailureOf(response, clock, cancellation) is { } failure)
            return failure;
        body.WasRead();
        return EventLines.Accepted(batch);
    }

    private static void WriteArray(Stream body, ShipBatch batch)
    {
        body.WriteByte((byte)'[');
        BatchBody.Join(body, batch.Events, (byte)',');
        body.WriteByte((byte)']');
    }

    private static void WriteLines(Stream body, ShipBatch batch)
    {
        BatchBody.Join(body, batch.Events, (byte)'\n');
        body.WriteByte((byte)'\n');
    }
}
