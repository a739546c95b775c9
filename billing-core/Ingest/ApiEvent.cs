using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Quota.Billing.Http;

namespace Quota.Billing.Ingest;

/// <summary>An event that somebody else than a gateway sent, checked and ready to be stored.</summary>
/// <param name="Key">
/// Claimed once, for ever: 48 bits of the transaction id's SHA-256, by which an event is found, then 80 of that over subscription and transaction id.
/// </param>
/// <param name="Digest">Of everything that counts, in a canonical form: tells a resend from another event under the same id.</param>
/// <param name="Properties">A JSON object, as it was sent.</param>
internal sealed record ApiEvent(
    Guid Id, Guid Key, Guid Digest, string TransactionId, DateTimeOffset At, string ExternalSubscriptionId, string Code, string Properties,
    decimal? PreciseTotalAmountCents, DateTimeOffset ReceivedAt)
{
    private const int MaxProperties = 16 * 1024;

    /// <summary>The form of <see cref="Digest"/>; a new form gets a new number, so that old digests are never misread.</summary>
    private const byte CanonicalForm = 1;

    private const int TransactionBytes = 6;

    private const decimal MaxUnixSeconds = 32_503_680_000m;     // the year 3000

    /// <summary>Reads an event; its mistakes go to the input's validation, and what is returned is then not to be used.</summary>
    public static ApiEvent Read(Input input, DateTimeOffset now)
    {
        var transactionId = input.RequiredText("transaction_id");
        var subscription = input.RequiredText("external_subscription_id");
        var code = input.RequiredText("code");
        var at = ReadTime(input) ?? now;
        var properties = input.Json("properties");
        var text = properties?.GetRawText() ?? "{}";
        if (text.Length > MaxProperties)
            input.Refuse("properties", Mistake.TooLong);
        var amount = input.Decimal("precise_total_amount_cents");
        return new ApiEvent(
            Guid.CreateVersion7(now), KeyOf(subscription, transactionId), DigestOf(code, at, properties, amount), transactionId, at, subscription,
            code, text, amount, now);
    }

    /// <summary>The smallest and the largest key that a transaction id can have, in whatever subscription.</summary>
    public static (Guid First, Guid Last) KeysOf(string transactionId)
    {
        Span<byte> first = stackalloc byte[16], last = stackalloc byte[16];
        last.Fill(0xFF);
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes(transactionId)).AsSpan(0, TransactionBytes);
        hash.CopyTo(first);
        hash.CopyTo(last);
        return (new Guid(first, bigEndian: true), new Guid(last, bigEndian: true));
    }

    private static Guid KeyOf(string subscription, string transactionId)
    {
        Span<byte> key = stackalloc byte[16];
        SHA256.HashData(Encoding.UTF8.GetBytes(transactionId)).AsSpan(0, TransactionBytes).CopyTo(key);
        SHA256.HashData(Encoding.UTF8.GetBytes($"{subscription}\0{transactionId}")).AsSpan(0, 16 - TransactionBytes).CopyTo(key[TransactionBytes..]);
        return new Guid(key, bigEndian: true);
    }

    private static Guid DigestOf(string code, DateTimeOffset at, JsonElement? properties, decimal? amount)
    {
        var buffer = new ArrayBufferWriter<byte>(512);
        buffer.Write([CanonicalForm]);
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartArray();
            json.WriteStringValue(code);
            json.WriteNumberValue((at - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond);
            json.WriteStringValue(amount is { } value ? JsonFormats.Text(value) : null);
            if (properties is { } found && found.ValueKind == JsonValueKind.Object)
                WriteSorted(json, found);
            json.WriteEndArray();
        }
        return new Guid(SHA256.HashData(buffer.WrittenSpan).AsSpan(0, 16), bigEndian: true);
    }

    /// <summary>The same JSON with names in order: two ways of writing one object give the same bytes.</summary>
    private static void WriteSorted(Utf8JsonWriter json, JsonElement element)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.Object:
                json.WriteStartObject();
                foreach (var property in element.EnumerateObject().OrderBy(property => property.Name, StringComparer.Ordinal))
                {
                    json.WritePropertyName(property.Name);
                    WriteSorted(json, property.Value);
                }
                json.WriteEndObject();
                break;
            case JsonValueKind.Array:
                json.WriteStartArray();
                foreach (var item in element.EnumerateArray())
                    WriteSorted(json, item);
                json.WriteEndArray();
                break;
            default:
                element.WriteTo(json);
                break;
        }
    }

    /// <summary>Unix seconds with decimals, as a number or as text; kept to the microsecond.</summary>
    private static DateTimeOffset? ReadTime(Input input)
    {
        if (!input.Raw.TryGetProperty("timestamp", out var found) || found.ValueKind == JsonValueKind.Null)
            return null;
        var text = found.ValueKind == JsonValueKind.Number ? found.GetRawText() : JsonText.TryRead(found, out var read) ? read : null;
        if (DecimalText.TryParse(text, out var seconds) && seconds is >= 0 and < MaxUnixSeconds)
            return DateTimeOffset.UnixEpoch.AddTicks((long)decimal.Truncate(seconds * 1_000_000) * TimeSpan.TicksPerMicrosecond);
        input.Refuse("timestamp", Mistake.InvalidFormat);
        return null;
    }
}
