namespace Quota.Billing.Metering.Expressions;

/// <summary>Minus one number.</summary>
internal sealed class NegationNode(ExpressionNode of) : ExpressionNode
{
    public override bool TryNumber(in ExpressionEvent one, out Fraction number)
    {
        var found = of.TryNumber(one, out number);
        number = -number;
        return found;
    }
}

/// <summary>Two numbers and what is between them; without a value when one of them has none, or by division by 0.</summary>
/// <param name="sign"><c>+ - * /</c></param>
internal sealed class OperationNode(char sign, ExpressionNode left, ExpressionNode right) : ExpressionNode
{
    public override bool TryNumber(in ExpressionEvent one, out Fraction number)
    {
        number = default;
        if (!left.TryNumber(one, out var first) || !right.TryNumber(one, out var second) || (sign == '/' && second.Numerator.IsZero))
            return false;
        number = sign switch
        {
            '+' => first + second,
            '-' => first - second,
            '*' => first * second,
            _ => first / second,
        };
        return true;
    }
}
