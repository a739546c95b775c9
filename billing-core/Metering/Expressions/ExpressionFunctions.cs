namespace Quota.Billing.Metering.Expressions;

/// <summary>The functions of expressions by name, in any case. To add another: a node in Functions.cs and its line here.</summary>
internal static class ExpressionFunctions
{
    /// <summary>Makes a call's node, or says what is wrong with what it was given.</summary>
    private delegate ExpressionNode? Function(IReadOnlyList<ExpressionNode> given, out string problem);

    private static readonly Dictionary<string, Function> ByName = new(StringComparer.OrdinalIgnoreCase)
    {
        ["round"] = Rounding(RoundingFunction.Round),
        ["ceil"] = Rounding(RoundingFunction.Ceil),
        ["floor"] = Rounding(RoundingFunction.Floor),
        ["least"] = Extreme(greatest: false),
        ["greatest"] = Extreme(greatest: true),
        ["min"] = Extreme(greatest: false),
        ["max"] = Extreme(greatest: true),
        ["concat"] = (IReadOnlyList<ExpressionNode> given, out string problem) =>
        {
            problem = "";
            return new ConcatNode(given);
        },
    };

    /// <summary>Null after a mistake, which <paramref name="problem"/> names: the rest of a sentence that begins with the function.</summary>
    /// <param name="given">At least one.</param>
    public static ExpressionNode? Call(string name, IReadOnlyList<ExpressionNode> given, out string problem)
    {
        if (ByName.TryGetValue(name, out var function))
            return function(given, out problem);
        problem = $"is no function; there are {string.Join(", ", ByName.Keys)}";
        return null;
    }

    private static Function Rounding(RoundingFunction function) => (IReadOnlyList<ExpressionNode> given, out string problem) =>
    {
        problem = given switch
        {
            { Count: > 2 } => "takes a number and at most one more: the decimals to keep",
            [{ IsText: true }, ..] => "takes a number, not a text",
            [_, var decimals] when Precision(decimals) is null =>
                $"takes the decimals to keep as a spelled whole number from -{UnitRounding.MostPrecision} to {UnitRounding.MostPrecision}",
            _ => "",
        };
        return problem.Length > 0 ? null : new RoundingNode(function, given[0], given.Count == 2 ? Precision(given[1])!.Value : 0);
    };

    private static Function Extreme(bool greatest) => (IReadOnlyList<ExpressionNode> given, out string problem) =>
    {
        problem = given.Any(one => one.IsText) ? "takes numbers, not texts" : "";
        return problem.Length > 0 ? null : new ExtremeNode(greatest, given);
    };

    private static int? Precision(ExpressionNode node) =>
        node is NumberNode { Value: { Denominator.IsOne: true } value } && value.Numerator >= -UnitRounding.MostPrecision && value.Numerator <= UnitRounding.MostPrecision
            ? (int)value.Numerator : null;
}
