using System.Globalization;
using System.Text.Json;
using Quota.Billing.Diagnostics;
using Quota.Billing.Http;
using Quota.Shared.Usage;

namespace Quota.Billing.Ingest;

/// <summary><c>/api/v1/events</c> in Lago's shapes; CloudEvents are taken too (<see cref="EventBody"/>). Sending an event again is refused there: its id is taken.</summary>
internal static class EventEndpoints
{
    public static IEndpointConventionBuilder MapEvents(this WebApplication app)
    {
        app.MapGet("/api/v1/events", List);
        app.MapGet("/api/v1/events/unknown", ListUnknown);
        app.MapGet("/api/v1/events/{transactionId}", Get);
        var posts = app.MapGroup("/api/v1/events");
        posts.MapPost("", Create);
        posts.MapPost("/batch", CreateBatch);
        return posts;
    }

    private static async Task<IResult> Create(
        EventBody body, ApiEventStore store, EventReader reader, BillingMetrics metrics, TimeProvider clock, CancellationToken cancel)
    {
        var input = body.Event;
        var received = body.Read(input, clock.GetUtcNow());
        if (!input.Validation.IsValid)
            return ApiErrors.Unprocessable(input.Validation);
        var taken = await store.StoreAsync([received], cancel);
        metrics.EventsReceived("api", taken.Count == 0 ? ShipStatus.Accepted : ShipStatus.Duplicate, 1);
        return taken.Count == 0
            ? Answers.One("event", (await reader.DescribeAsync([received]))[0])
            : ApiErrors.Unprocessable("transaction_id", Mistake.AlreadyExists);
    }

    private static async Task<IResult> CreateBatch(
        EventBody body, ApiEventStore store, EventReader reader, BillingMetrics metrics, TimeProvider clock, CancellationToken cancel)
    {
        if (body.Events is not { } list || list.GetArrayLength() == 0)
            return ApiErrors.Unprocessable("events", "no_events");
        if (list.GetArrayLength() > IngestOptions.MaxEvents)
            return ApiErrors.Unprocessable("events", "too_many_events");

        var mistakes = new Dictionary<string, object>();
        var events = Read(body, list, clock.GetUtcNow(), mistakes);
        if (mistakes.Count > 0)
            return ApiErrors.UnprocessableWith(mistakes);
        foreach (var index in await store.StoreAsync(events, cancel))
            mistakes[Position(index)] = new Dictionary<string, string[]> { ["transaction_id"] = [Mistake.AlreadyExists] };
        metrics.EventsReceived("api", mistakes.Count == 0 ? ShipStatus.Accepted : ShipStatus.Rejected, events.Count);
        return mistakes.Count > 0
            ? ApiErrors.UnprocessableWith(mistakes)
            : Results.Ok(new Dictionary<string, object> { ["events"] = await reader.DescribeAsync(events) });
    }

    /// <summary>Every event of a batch; the mistakes of each under its position.</summary>
    private static List<ApiEvent> Read(EventBody body, JsonElement list, DateTimeOffset now, Dictionary<string, object> mistakes)
    {
        var events = new List<ApiEvent>(list.GetArrayLength());
        foreach (var item in list.EnumerateArray())
        {
            var input = new Input(item.ValueKind == JsonValueKind.Object ? item : JsonElement.Parse("{}"), new Validation());
            if (item.ValueKind != JsonValueKind.Object)
                input.Refuse("event", Mistake.Invalid);
            events.Add(body.Read(input, now));
            if (!input.Validation.IsValid)
                mistakes[Position(events.Count - 1)] = input.Validation.Details;
        }
        return events;
    }

    private static string Position(int index) => index.ToString(CultureInfo.InvariantCulture);

    private static async Task<IResult> List(HttpRequest request, Paging paging, EventList list, CancellationToken cancel)
    {
        var validation = new Validation();
        var filter = new EventFilter(
            request.Query["external_subscription_id"].FirstOrDefault(), request.Query["code"].FirstOrDefault(),
            Time(request, "timestamp_from", validation), Time(request, "timestamp_to", validation));
        if (!validation.IsValid)
            return ApiErrors.Unprocessable(validation);
        var (items, total) = await list.PageAsync(filter, paging.Offset, paging.Limit, cancel);
        return Answers.Page("events", items, paging, total);
    }

    private static async Task<IResult> ListUnknown(Paging paging, UnknownEvents unknown, CancellationToken cancel)
    {
        var (items, total) = await unknown.PageAsync(paging.Offset, paging.Limit, cancel);
        return Answers.Page("unknown_events", items, paging, total);
    }

    private static async Task<IResult> Get(string transactionId, EventReader reader) =>
        await reader.FindAsync(transactionId) is { } found ? Answers.One("event", found) : ApiErrors.NotFound("event");

    private static DateTimeOffset? Time(HttpRequest request, string name, Validation validation)
    {
        if (request.Query[name].FirstOrDefault() is not { Length: > 0 } text)
            return null;
        if (TimeText.TryParse(text, out var time))
            return time;
        validation.Add(name, Mistake.InvalidFormat);
        return null;
    }
}
