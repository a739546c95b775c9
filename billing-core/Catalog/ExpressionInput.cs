using System.Text;
using Quota.Billing.Http;
using Quota.Billing.Metering;
using Quota.Billing.Metering.Expressions;

namespace Quota.Billing.Catalog;

/// <summary>Reads expressions that clients send, and events to try them on; mistakes begin with Lago's word and go on with what it is and where.</summary>
internal static class ExpressionInput
{
    private const string Field = "expression";
    private const string Event = "event";

    /// <summary>9999-12-31, the end of .NET's calendar.</summary>
    private const decimal MostUnixSeconds = 253_402_300_799;

    /// <summary>Null when there is none, or one with mistakes, which are noted.</summary>
    public static string? Read(Input input)
    {
        if (input.Text(Field, Expression.MaxLength) is not { Length: > 0 } text)
            return null;
        return Parse(input, text) is null ? null : text;
    }

    /// <summary>What an expression gives for an event; null after mistakes.</summary>
    public static string? Evaluate(Input input, DateTimeOffset now)
    {
        var text = input.RequiredText(Field, Expression.MaxLength);
        var expression = text.Length > 0 ? Parse(input, text) : null;
        var given = input.Object(Event);
        var at = given?.Decimal("timestamp") is { } seconds ? TimeOf(given, seconds) : now;
        var properties = given?.Json("properties")?.GetRawText() ?? "{}";
        var code = given?.Text("code") ?? "";
        if (expression is null || !input.Validation.IsValid)
            return null;
        var slots = new PropertyValue[expression.Names.Count];
        new PropertyPicker(expression.Names).Pick(Encoding.UTF8.GetBytes(properties), slots);
        if (expression.Of(slots, at, code).Text is { } value)
            return value;
        input.Refuse(Event, "invalid_event");
        input.Refuse(Event, "gives no value: a property is missing or no number, or it divides by 0, or the number is too large");
        return null;
    }

    private static Expression? Parse(Input input, string text)
    {
        if (Expression.Parse(text, out var mistakes) is { } expression)
            return expression;
        input.Refuse(Field, "invalid_expression");
        foreach (var mistake in mistakes)
            input.Refuse(Field, mistake.ToString());
        return null;
    }

    private static DateTimeOffset TimeOf(Input given, decimal seconds)
    {
        if (seconds is >= 0 and <= MostUnixSeconds)
            return DateTimeOffset.UnixEpoch.AddTicks((long)decimal.Truncate(seconds * 1_000_000) * TimeSpan.TicksPerMicrosecond);
        given.Refuse("timestamp", Mistake.InvalidFormat);
        return default;
    }
}
