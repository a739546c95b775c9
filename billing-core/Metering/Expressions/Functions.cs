using System.Text;

namespace Quota.Billing.Metering.Expressions;

/// <summary><c>round</c>, <c>ceil</c>, <c>floor</c>.</summary>
internal sealed class RoundingNode(RoundingFunction function, ExpressionNode of, int precision) : ExpressionNode
{
    public override bool TryNumber(in ExpressionEvent one, out Fraction number)
    {
        if (!of.TryNumber(one, out number))
            return false;
        number = number.Round(function, precision);
        return true;
    }
}

/// <summary><c>least</c> and <c>greatest</c>; without a value when one of the numbers is missing.</summary>
internal sealed class ExtremeNode(bool greatest, IReadOnlyList<ExpressionNode> of) : ExpressionNode
{
    public override bool TryNumber(in ExpressionEvent one, out Fraction number)
    {
        if (!of[0].TryNumber(one, out number))
            return false;
        for (var i = 1; i < of.Count; i++)
        {
            if (!of[i].TryNumber(one, out var other))
                return false;
            if (greatest ? other > number : other < number)
                number = other;
        }
        return true;
    }
}

/// <summary><c>concat</c>: texts and numbers one after the other, for unique counts; without a value when one of them is missing.</summary>
internal sealed class ConcatNode(IReadOnlyList<ExpressionNode> of) : ExpressionNode
{
    public override bool IsText => true;

    public override bool TryText(in ExpressionEvent one, StringBuilder text)
    {
        foreach (var part in of)
        {
            if (!part.TryText(one, text) || text.Length > Expression.MaxText)
                return false;
        }
        return true;
    }
}
