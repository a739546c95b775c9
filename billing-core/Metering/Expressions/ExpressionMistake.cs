using System.Globalization;

namespace Quota.Billing.Metering.Expressions;

/// <param name="Position">Of the letter where it is, from 1.</param>
internal readonly record struct ExpressionMistake(int Position, string Problem)
{
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"at {Position}: {Problem}");
}
