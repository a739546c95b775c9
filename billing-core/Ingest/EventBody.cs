using System.Buffers;
using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.Net.Http.Headers;
using Quota.Billing.Http;

namespace Quota.Billing.Ingest;

/// <summary>
/// The body of the routes that take events: Lago's shapes, or CloudEvents 1.0 in their JSON format. Of a CloudEvent, <c>id</c> is the
/// transaction id, <c>type</c> the code, <c>subject</c> the subscription, <c>time</c> the timestamp and <c>data</c>, an object, the
/// properties; mistakes are named in Lago's words.
/// </summary>
internal sealed partial class EventBody(JsonElement root, bool isCloudEvent)
{
    private const string One = "application/cloudevents+json", Batch = "application/cloudevents-batch+json";

    /// <summary>The one event of the body.</summary>
    /// <exception cref="BadHttpRequestException">There is none.</exception>
    public Input Event => isCloudEvent ? new Input(root, new Validation()) : new JsonBody(root).Root("event");

    /// <summary>The body's events; null when it has no list of them.</summary>
    public JsonElement? Events =>
        isCloudEvent ? root : root.TryGetProperty("events", out var list) && list.ValueKind == JsonValueKind.Array ? list : null;

    /// <summary>Reads an event; its mistakes go to the input's validation, and what is returned is then not to be used.</summary>
    public ApiEvent Read(Input input, DateTimeOffset now)
    {
        if (!isCloudEvent)
            return ApiEvent.Read(input, now);
        if (input.RequiredText("specversion") is not ("" or "1.0"))
            input.Refuse("specversion", "must be 1.0");
        input.RequiredText("source");
        if (input.Mentions("data_base64"))
            input.Refuse("properties", "data must be a JSON object, not data_base64");
        return ApiEvent.Read(new Input(InLagosWords(input.Raw), input.Validation), now);
    }

    public static async ValueTask<EventBody?> BindAsync(HttpContext context)
    {
        var isTyped = MediaTypeHeaderValue.TryParse(context.Request.ContentType, out var parsed);
        var type = isTyped ? parsed!.MediaType.Value?.ToLowerInvariant() : null;
        if (type is not (One or Batch))
            return new EventBody(await JsonBody.ReadAsync(context, JsonBody.Strict), isCloudEvent: false);
        var isBatch = context.Request.Path.Value!.EndsWith("/batch", StringComparison.OrdinalIgnoreCase);
        if (isBatch != (type == Batch))
            throw new BadHttpRequestException($"{type} is taken by the other route", StatusCodes.Status415UnsupportedMediaType);
        return new EventBody(await JsonBody.ReadAsync(context, JsonBody.Strict, isBatch ? JsonValueKind.Array : JsonValueKind.Object), isCloudEvent: true);
    }

    private static readonly (string Theirs, string Ours)[] Words =
        [("id", "transaction_id"), ("type", "code"), ("subject", "external_subscription_id"), ("data", "properties")];

    private static JsonElement InLagosWords(JsonElement sent)
    {
        var buffer = new ArrayBufferWriter<byte>(512);
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            foreach (var (theirs, ours) in Words)
            {
                if (!sent.TryGetProperty(theirs, out var value))
                    continue;
                json.WritePropertyName(ours);
                value.WriteTo(json);
            }
            if (sent.TryGetProperty("time", out var time) && time.ValueKind != JsonValueKind.Null)
                json.WriteString("timestamp", Seconds(time));
            json.WriteEndObject();
        }
        return JsonElement.Parse(buffer.WrittenSpan);
    }

    /// <summary>Unix seconds of an RFC 3339 time, to the microsecond; what is none stays none.</summary>
    private static string Seconds(JsonElement time) =>
        JsonText.TryRead(time, out var text) && TimeText.TryParse(BeyondTicks().Replace(text, "$1"), out var at)
            ? JsonFormats.Text((at - DateTimeOffset.UnixEpoch).Ticks / (decimal)TimeSpan.TicksPerSecond) : "none";

    /// <summary>Go writes nanoseconds.</summary>
    [GeneratedRegex(@"(\.\d{7})\d+")]
    private static partial Regex BeyondTicks();
}
