using System.Numerics;

namespace Quota.Billing.Metering;

/// <summary>How a number is cut: <c>round</c> goes to the nearest, halves away from zero; <c>ceil</c> up and <c>floor</c> down, below 0 too.</summary>
internal enum RoundingFunction
{
    Round,
    Ceil,
    Floor,
}

/// <summary>
/// Where metering rounds: quotients, and the units of a period by what their metric says, once. Quantities are whole numbers of pico-units,
/// so all of it is division of whole numbers. Money is rounded in <see cref="Shared.Amounts.Rounding"/>.
/// </summary>
internal static class UnitRounding
{
    /// <summary>The largest <c>rounding_precision</c>, and minus the smallest.</summary>
    public const int MostPrecision = 15;

    /// <summary>What <c>rounding_function</c> may be.</summary>
    public static readonly IReadOnlyDictionary<string, RoundingFunction> Functions = new Dictionary<string, RoundingFunction>
    {
        ["round"] = RoundingFunction.Round, ["ceil"] = RoundingFunction.Ceil, ["floor"] = RoundingFunction.Floor,
    };

    /// <summary>The units of a period as their metric wants them. At most 12 decimals come in, so a precision of 12 or more changes nothing.</summary>
    /// <exception cref="OverflowException">More than 28 digits: no invoice can hold it.</exception>
    public static decimal Apply(MetricTerms metric, decimal units)
    {
        if (metric.RoundingFunction is not { } name || metric.RoundingPrecision >= PicoUnits.Decimals)
            return units;
        var step = BigInteger.Pow(10, PicoUnits.Decimals - metric.RoundingPrecision);
        return PicoUnits.ToDecimal((Int128)(Divide(PicoUnits.FromDecimal(units), step, Functions[name]) * step));
    }

    /// <summary>The quotient as a whole number.</summary>
    /// <param name="by">Above 0.</param>
    public static BigInteger Divide(BigInteger number, BigInteger by, RoundingFunction function = RoundingFunction.Round)
    {
        var (quotient, rest) = BigInteger.DivRem(number, by);
        return quotient + function switch
        {
            _ when rest.IsZero => 0,
            RoundingFunction.Ceil => rest.Sign > 0 ? 1 : 0,
            RoundingFunction.Floor => rest.Sign < 0 ? -1 : 0,
            _ => BigInteger.Abs(rest) * 2 < by ? 0 : rest.Sign,
        };
    }
}
