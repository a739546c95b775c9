using System.Text;

namespace Quota.Billing.Metering.Expressions;

/// <summary>A number that the expression spells.</summary>
internal sealed class NumberNode(Fraction value) : ExpressionNode
{
    public Fraction Value => value;

    public override bool TryNumber(in ExpressionEvent one, out Fraction number)
    {
        number = value;
        return true;
    }
}

/// <summary>A text that the expression spells.</summary>
internal sealed class TextNode(string value) : ExpressionNode
{
    public override bool IsText => true;

    public override bool TryText(in ExpressionEvent one, StringBuilder text)
    {
        text.Append(value);
        return true;
    }
}

/// <summary><c>event.properties.x</c>: a number where the event has one there, and as text what is written there.</summary>
internal sealed class PropertyNode(int slot) : ExpressionNode
{
    public int Slot => slot;

    public override bool TryNumber(in ExpressionEvent one, out Fraction number)
    {
        var value = one.Slots[slot];
        number = value.Kind == PropertyKind.Number ? Fraction.Of(value.Pico) : default;
        return value.Kind == PropertyKind.Number;
    }

    public override bool TryText(in ExpressionEvent one, StringBuilder text)
    {
        text.Append(one.Slots[slot].Text);
        return one.Slots[slot].Kind != PropertyKind.Absent;
    }
}

/// <summary><c>event.timestamp</c>: seconds since 1970, with the event's microseconds.</summary>
internal sealed class TimestampNode : ExpressionNode
{
    public override bool TryNumber(in ExpressionEvent one, out Fraction number)
    {
        number = new Fraction((one.At - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond, 1_000_000);
        return true;
    }
}

/// <summary><c>event.code</c>.</summary>
internal sealed class CodeNode : ExpressionNode
{
    public override bool IsText => true;

    public override bool TryText(in ExpressionEvent one, StringBuilder text)
    {
        text.Append(one.Code);
        return true;
    }
}
