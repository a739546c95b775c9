using System.Text;

namespace Quota.Billing.Metering.Expressions;

/// <summary>What an expression knows of an event.</summary>
internal readonly ref struct ExpressionEvent(ReadOnlySpan<PropertyValue> slots, DateTimeOffset at, string code)
{
    public ReadOnlySpan<PropertyValue> Slots { get; } = slots;

    public DateTimeOffset At => at;

    public string Code => code;
}

/// <summary>A part of an expression. Its value depends on nothing but the event; false: it has none for this event.</summary>
internal abstract class ExpressionNode
{
    /// <summary>Text for every event, so that nothing can be calculated with it.</summary>
    public virtual bool IsText => false;

    public virtual bool TryNumber(in ExpressionEvent one, out Fraction number)
    {
        number = default;
        return false;
    }

    /// <summary>Appends its value; a number in plain decimal notation.</summary>
    public virtual bool TryText(in ExpressionEvent one, StringBuilder text)
    {
        if (!TryNumber(one, out var number) || !number.TryPico(out var pico))
            return false;
        text.Append(PicoUnits.ToText(pico));
        return true;
    }
}
