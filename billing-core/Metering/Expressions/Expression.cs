using System.Text;

namespace Quota.Billing.Metering.Expressions;

/// <summary>
/// What a metric computes of an event, in Lago's language: <c>round(event.properties.ms / 1000, 2) * event.properties.gb</c>. Calculates
/// exactly and rounds once, to 12 decimals. Without a value, like an event without the property, when a property that it needs is missing
/// or no number, by division by 0, and from 10¹⁸ on: one odd event must not stop the others.
/// </summary>
internal sealed class Expression
{
    /// <summary>Letters of an expression.</summary>
    public const int MaxLength = 1_000;

    /// <summary>Letters of a computed text: a longer one is no value.</summary>
    public const int MaxText = 4_000;

    private readonly ExpressionNode _root;

    private Expression(ExpressionNode root, IReadOnlyList<string> names)
    {
        _root = root;
        Names = names;
    }

    /// <summary>The properties that it reads, each once.</summary>
    public IReadOnlyList<string> Names { get; }

    /// <summary>Null when it has mistakes: all of them that can be told, in no order.</summary>
    public static Expression? Parse(string text, out IReadOnlyList<ExpressionMistake> mistakes)
    {
        var parser = new ExpressionParser(text);
        var root = parser.Parse();
        mistakes = parser.Mistakes;
        return mistakes.Count == 0 && root is not null ? new Expression(root, parser.Names) : null;
    }

    /// <param name="slots">The values of <see cref="Names"/>, in their order.</param>
    public PropertyValue Of(ReadOnlySpan<PropertyValue> slots, DateTimeOffset at, string code)
    {
        if (_root is PropertyNode property)
            return slots[property.Slot];
        var one = new ExpressionEvent(slots, at, code);
        if (_root.IsText)
        {
            var text = new StringBuilder();
            return _root.TryText(one, text) ? PropertyValue.OfText(Encoding.UTF8.GetBytes(text.ToString())) : default;
        }
        return _root.TryNumber(one, out var number) && number.TryPico(out var pico) ? PropertyValue.OfPico(pico) : default;
    }
}
