using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Unicode;
using Quota.Billing.Http;
using Quota.Shared.ControlPlane;
using Quota.Shared.Usage;

namespace Quota.Billing.Ingest;

/// <summary>One event of a shipped batch, checked and ready to be stored.</summary>
/// <param name="Digest">The first half of the SHA-256 of exactly the bytes that were sent: the event's identity together with its id.</param>
/// <param name="IdTime">The time in the id: chooses the partition of its identity.</param>
/// <param name="Corrects">The event that this one's quantities are differences to; null for all but corrections.</param>
/// <param name="Counted">The counters it was counted on; a limit's seed leaves it out for those.</param>
/// <param name="Properties">What metrics and limits can read, as JSON.</param>
/// <param name="Body">The event as it was sent.</param>
internal sealed record GatewayEvent(
    Guid Id, Guid Digest, DateTimeOffset IdTime, DateTimeOffset At, string Org, string? Subscription, string Code, Guid? Corrects,
    Guid[] Counted, ReadOnlyMemory<byte> Properties, ReadOnlyMemory<byte> Body)
{
    /// <summary>See <see cref="UsageEvent.Lost"/>.</summary>
    public bool IsOfLost { get; init; }

    public const int MaxBytes = 256 * 1024;
    public const int MaxCounted = 1_000;
    public const int MaxTags = 100;
    private const int MaxName = 255;
    private const int MaxTools = 50;
    private const int MaxTagText = 256;

    /// <summary>Reads one element of <c>events</c>. Never throws: what cannot be stored has a reason instead of an event.</summary>
    public static GatewayEventOutcome Read(ReadOnlyMemory<byte> body, GatewayProperties properties)
    {
        var raw = body.Span;
        try
        {
            var parsed = raw[0] == '{' ? JsonSerializer.Deserialize(raw, UsageJson.Default.UsageEvent) : null;
            if (parsed is null)
                return new GatewayEventOutcome(Guid.Empty, null, "an event is a JSON object");
            if (raw.Length > MaxBytes)
                return new GatewayEventOutcome(parsed.Id, null, $"{raw.Length} bytes; an event has at most {MaxBytes}");
            if (!Utf8.IsValid(raw))
                return new GatewayEventOutcome(parsed.Id, null, "not a usage event: it is no UTF-8");
            if (Mistake(parsed, out var idTime) is { } reason)
                return new GatewayEventOutcome(parsed.Id, null, reason);
            var counted = (parsed.Counted ?? []).Select(counter => Guid.ParseExact(counter, "N")).ToArray();
            var read = new GatewayEvent(
                parsed.Id, DigestOf(raw), idTime, ToMicroseconds(parsed.At), parsed.Org, parsed.Subscription, parsed.Code,
                parsed.Corrects, counted, properties.Write(parsed), body) { IsOfLost = parsed.Lost == true };
            return new GatewayEventOutcome(parsed.Id, read, null);
        }
        // InvalidOperationException and ArgumentException: text that is no Unicode.
        catch (Exception error) when (error is JsonException or InvalidOperationException or FormatException or ArgumentException)
        {
            return new GatewayEventOutcome(IdOf(body), null, $"not a usage event: {error.Message}");
        }
    }

    /// <summary>The same of a plain event.</summary>
    /// <param name="body">Its bytes.</param>
    public static GatewayEventOutcome Of(in PlainEvent plain, ReadOnlyMemory<byte> body, GatewayProperties properties, BatchTexts texts)
    {
        var read = new GatewayEvent(
            plain.Id, DigestOf(body.Span), plain.IdTime, ToMicroseconds(plain.At), texts.Of(plain.Org), plain.Subscription.IsEmpty ? null : texts.Of(plain.Subscription),
            texts.Of(plain.Code), Corrects: null, plain.Counted, properties.Write(plain), body);
        return new GatewayEventOutcome(plain.Id, read, null);
    }

    /// <summary>As the database keeps it, so that what is computed of an event now and what is computed of it later are the same.</summary>
    private static DateTimeOffset ToMicroseconds(DateTimeOffset at) => new(at.UtcTicks - at.UtcTicks % TimeSpan.TicksPerMicrosecond, TimeSpan.Zero);

    private static Guid DigestOf(ReadOnlySpan<byte> raw)
    {
        Span<byte> hash = stackalloc byte[32];
        SHA256.HashData(raw, hash);
        return new Guid(hash[..16], bigEndian: true);
    }

    private static string? Mistake(UsageEvent parsed, out DateTimeOffset idTime)
    {
        if (!EventTime.TryOfId(parsed.Id, out idTime))
            return "id is no UUIDv7";
        if ((parsed.At - idTime).Duration() >= TimeSpan.FromDays(1))
            return "at and the time in id differ by a day or more";
        if (parsed.Source != "gateway")
            return "source must be 'gateway'";
        if (parsed.Status is null || !UsageStatus.All.Contains(parsed.Status))
            return $"status is not one of {string.Join(", ", UsageStatus.All)}";
        return NameMistake(parsed) ?? GatewayQuantities.Mistake(parsed) ?? ListMistake(parsed);
    }

    private static string? NameMistake(UsageEvent parsed)
    {
        foreach (var (name, value) in new[]
        {
            ("instance", parsed.Instance), ("code", parsed.Code), ("at_source", parsed.AtSource), ("org", parsed.Org), ("key_id", parsed.KeyId),
            ("provider", parsed.Provider), ("upstream", parsed.Upstream), ("route", parsed.Route), ("model", parsed.Model),
        })
        {
            if (string.IsNullOrEmpty(value))
                return $"{name} is missing";
            if (!IsName(value))
                return $"{name} is longer than {MaxName} or holds control characters";
        }
        foreach (var (name, value) in new[]
        {
            ("team", parsed.Team), ("user", parsed.User), ("subscription", parsed.Subscription), ("environment", parsed.Environment), ("endpoint", parsed.Endpoint),
            ("currency", parsed.Currency), ("requested_model", parsed.RequestedModel), ("service_tier", parsed.ServiceTier), ("cost_source", parsed.CostSource),
        })
        {
            if (value is not null && !IsName(value))
                return $"{name} is longer than {MaxName} or holds control characters";
        }
        return null;
    }

    private static string? ListMistake(UsageEvent parsed) =>
        parsed.Counted is { } counted && (counted.Count > MaxCounted || !counted.All(counter => counter?.Length == CounterName.Length && Guid.TryParseExact(counter, "N", out _)))
            ? $"counted has more than {MaxCounted} entries, or one that is no counter"
        : parsed.Usage.ToolCalls is { } tools && (tools.Count > MaxTools || !tools.Keys.All(IsName))
            ? $"tool_calls has more than {MaxTools} entries, or one whose name is too long or holds control characters"
        : parsed.Tags is { } tags && (tags.Count > MaxTags || !tags.All(IsTag))
            ? $"tags has more than {MaxTags} entries, or one that is too long or holds control characters"
        : null;

    private static bool IsTag(KeyValuePair<string, string> tag) =>
        IsName(tag.Key) && tag.Value is { Length: <= MaxTagText } text && JsonText.IsClean(text);

    private static bool IsName(string value) => value.Length <= MaxName && JsonText.IsClean(value);

    /// <summary>The id of an event that cannot be read otherwise, so that its sender knows which one is meant.</summary>
    private static Guid IdOf(ReadOnlyMemory<byte> body)
    {
        using var document = JsonDocument.Parse(body);
        return document.RootElement.ValueKind == JsonValueKind.Object && document.RootElement.TryGetProperty("id", out var id)
            && JsonText.TryRead(id, out var text) && Guid.TryParse(text, out var parsed) ? parsed : Guid.Empty;
    }
}

/// <summary>An event that can be stored, or the reason why it never can.</summary>
internal sealed record GatewayEventOutcome(Guid Id, GatewayEvent? Event, string? Reason);
