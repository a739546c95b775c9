using System.Globalization;
using System.Text;
using System.Text.Json;
using Quota.Shared.Usage;

namespace Quota.Billing.Tests.Ingest;

/// <summary>Usage events as gateways write them.</summary>
internal static class SomeUsage
{
    public static UsageEvent Event(DateTimeOffset at, long input = 10, long output = 5, string subscription = "sub", long seq = 1)
    {
        var id = Guid.CreateVersion7(at);
        return new UsageEvent
        {
            Id = id,
            RequestId = id,
            Instance = "gw-1",
            Seq = seq,
            At = at,
            AtSource = "redis",
            Org = "acme",
            Team = "research",
            KeyId = "0123456789abcdef0123456789abcdef",
            Subscription = subscription,
            Provider = "openai",
            Upstream = "openai",
            Route = "/v1/chat/completions",
            Model = "gpt-4o-mini",
            Stream = false,
            StartedAt = at,
            EndedAt = at.AddSeconds(1),
            Status = UsageStatus.Completed,
            HttpStatus = 200,
            Usage = new UsageCounts { Requests = 1, InputTokens = input, OutputTokens = output },
            Cost = "0.00000123",
            Currency = "USD",
        };
    }

    /// <summary>The bytes that a gateway would spool.</summary>
    public static string Text(UsageEvent usage) => JsonSerializer.Serialize(usage, UsageJson.Default.UsageEvent);

    /// <summary>A batch's body with each event's bytes as they are.</summary>
    public static string Batch(IEnumerable<string> events, string instance = "gw-1", DateTimeOffset? watermark = null, string settled = "[]")
    {
        var body = new StringBuilder($$"""{"instance":"{{instance}}","events":[""").AppendJoin(',', events).Append("],\"settled\":").Append(settled);
        if (watermark is { } time)
            body.Append(CultureInfo.InvariantCulture, $",\"watermark\":\"{time.UtcDateTime:O}\"");
        return body.Append('}').ToString();
    }

    public static async Task<List<(Guid Id, string Status, string? Reason)>> ShipAsync(this BillingApp app, string batch)
    {
        var answer = (await app.Gateway.SendAsync(HttpMethod.Post, "/internal/v1/usage", batch)).ShouldBe(200);
        var results = JsonSerializer.Deserialize(answer.Text, UsageJson.Default.ShipAnswer)!.Results;
        return [.. results.Select(result => (result.Id, result.Status, result.Reason))];
    }
}
