using System.Globalization;
using System.Numerics;
using CsCheck;
using Quota.Billing.Metering;
using Quota.Billing.Metering.Expressions;

namespace Quota.Billing.Tests.Metering.Expressions;

/// <summary>Random expressions against a calculator that knows them as lists of numbers and signs, and random letters against nothing.</summary>
public sealed class ExpressionModelTests
{
    /// <summary>What was written, and its value as a reduced fraction; none when it has none.</summary>
    private sealed record Written(string Text, (BigInteger Over, BigInteger Under)? Value);

    private static readonly (string Name, string? Value)[] Properties = [("a", "3"), ("b", "-0.25"), ("c", "0"), ("d", "12.000000000007"), ("e", null), ("f", "words")];

    private static readonly Gen<Written> Leaves = Gen.OneOf(
        Gen.Select(Gen.Int[0, 200], Gen.Int[0, 99]).Select((whole, hundredths) => new Written($"{whole}.{hundredths:00}", Reduced(whole * 100 + hundredths, 100))),
        Gen.Int[0, 9].Select(digit => new Written($"{digit}", (digit, 1))),
        Gen.Frequency((4, Gen.Int[0, 3]), (1, Gen.Int[4, 5])).Select(i => new Written($"event.properties.{Properties[i].Name}", ValueOf(Properties[i].Value))));

    private static Gen<Written> Terms(int depth) => depth == 0 ? Leaves : Gen.Frequency(
        (4, Leaves),
        (2, Chains(depth - 1).Select(inner => inner with { Text = $"({inner.Text})" })),
        (1, Terms(depth - 1).Select(inner => new Written($"-{inner.Text}", inner.Value is var (over, under) ? (-over, under) : null))),
        (1, Gen.Select(Gen.Int[0, 2], Chains(depth - 1), Gen.Int[-3, 4]).Select(Rounded)),
        (1, Gen.Select(Gen.Bool, Chains(depth - 1).Array[1, 3]).Select(Extreme)));

    private static Gen<Written> Chains(int depth) => Gen.Select(Terms(depth).Array[1, 5], SomeEvents.Any("+", "-", "*", "/").Array[4], SomeEvents.Any("", " ").Array[8]).Select(Chain);

    [Fact]
    public void Calculates_as_on_paper() => Chains(3).Where(one => one.Text.Length <= 1_000).Sample(written =>
    {
        var expression = Expression.Parse(written.Text, out var mistakes);
        if (mistakes.Any(mistake => mistake.Problem.StartsWith("more than", StringComparison.Ordinal)))
            return;
        mistakes.ShouldBeEmpty(written.Text);
        var value = expression!.Of([.. expression.Names.Select(name => SomeEvents.Value(Properties.Single(one => one.Name == name).Value))], default, "c");
        if (Paper(written.Value) is { } pico)
            ((BigInteger)value.Pico).ShouldBe(pico, written.Text);
        (value.Kind == PropertyKind.Number).ShouldBe(Paper(written.Value) is not null, written.Text);
    }, iter: 5_000);

    private static readonly Gen<string> Pieces = SomeEvents.Any(
        "event.properties.a", "event.properties.", "event.code", "event.timestamp", "event", ".", "round(", "concat(", "least(", "x(", "(", ")", ",", "+", "-", "*", "/", "'", "'t'", "1", "0.5", "9e9", " ", "é", "\0", "😀", "_");

    [Fact]
    public void Any_letters_give_a_value_or_named_mistakes() => Gen.Select(Gen.OneOf(Pieces.Array[0, 25].Select(string.Concat), Gen.String), SomeEvents.Any("1", "x", "", "-5", "none")).Sample((text, value) =>
    {
        var expression = Expression.Parse(text, out var mistakes);
        (expression is null).ShouldBe(mistakes.Count > 0);
        mistakes.ShouldAllBe(mistake => mistake.Position >= 1 && mistake.Position <= text.Length + 1 && mistake.Problem.Length > 0);
        expression?.Of([.. expression.Names.Select(_ => SomeEvents.Value(value == "none" ? null : value))], DateTimeOffset.MaxValue, "c");
    }, iter: 20_000);

    private static Written Chain(Written[] terms, string[] signs, string[] spaces)
    {
        var text = terms[0].Text;
        for (var i = 1; i < terms.Length; i++)
            text += spaces[2 * i - 2] + signs[i - 1] + spaces[2 * i - 1] + terms[i].Text;
        if (terms.Any(term => term.Value is null))
            return new Written(text, null);
        // Products first, each a summand then.
        var summands = new List<(BigInteger Over, BigInteger Under)> { terms[0].Value!.Value };
        for (var i = 1; i < terms.Length; i++)
        {
            var (over, under) = terms[i].Value!.Value;
            var last = summands[^1];
            if (signs[i - 1] is "+" or "-")
                summands.Add(signs[i - 1] == "+" ? (over, under) : (-over, under));
            else if (signs[i - 1] == "*")
                summands[^1] = Reduced(last.Over * over, last.Under * under);
            else if (over == 0)
                return new Written(text, null);
            else
                summands[^1] = Reduced(last.Over * under, last.Under * over);
        }
        return new Written(text, summands.Aggregate((BigInteger.Zero, BigInteger.One), (sum, one) => Reduced(sum.Item1 * one.Under + one.Over * sum.Item2, sum.Item2 * one.Under)));
    }

    private static Written Rounded(int function, Written of, int precision)
    {
        var text = $"{new[] { "round", "CEIL", "Floor" }[function]}({of.Text}{(precision == 0 ? "" : $", {precision}")})";
        if (of.Value is not var (over, under))
            return new Written(text, null);
        var scaled = precision >= 0 ? Reduced(over * BigInteger.Pow(10, precision), under) : Reduced(over, under * BigInteger.Pow(10, -precision));
        var whole = function switch
        {
            0 => scaled.Over.Sign * Floor(2 * BigInteger.Abs(scaled.Over) + scaled.Under, 2 * scaled.Under),
            1 => -Floor(-scaled.Over, scaled.Under),
            _ => Floor(scaled.Over, scaled.Under),
        };
        return new Written(text, precision >= 0 ? Reduced(whole, BigInteger.Pow(10, precision)) : (whole * BigInteger.Pow(10, -precision), 1));
    }

    private static Written Extreme(bool greatest, Written[] of)
    {
        var text = $"{(greatest ? "greatest" : "least")}({string.Join(",", of.Select(one => one.Text))})";
        if (of.Any(one => one.Value is null))
            return new Written(text, null);
        var sorted = of.Select(one => one.Value!.Value).OrderBy(one => one, Comparer<(BigInteger Over, BigInteger Under)>.Create((x, y) => (x.Over * y.Under).CompareTo(y.Over * x.Under))).ToList();
        return new Written(text, greatest ? sorted[^1] : sorted[0]);
    }

    private static BigInteger? Paper((BigInteger Over, BigInteger Under)? value)
    {
        if (value is not var (over, under))
            return null;
        var pico = over.Sign * Floor(2 * BigInteger.Abs(over) * BigInteger.Pow(10, 12) + under, 2 * under);
        return BigInteger.Abs(pico) < BigInteger.Pow(10, 30) ? pico : null;
    }

    private static (BigInteger, BigInteger)? ValueOf(string? text) => text is null || !decimal.TryParse(text, CultureInfo.InvariantCulture, out var number)
        ? null : Reduced((BigInteger)(number * 1_000_000_000_000), 1_000_000_000_000);

    private static (BigInteger Over, BigInteger Under) Reduced(BigInteger over, BigInteger under)
    {
        var common = BigInteger.GreatestCommonDivisor(over, under) * under.Sign;
        return (over / common, under / common);
    }

    private static BigInteger Floor(BigInteger over, BigInteger under) => (over - ((over % under) + under) % under) / under;
}
