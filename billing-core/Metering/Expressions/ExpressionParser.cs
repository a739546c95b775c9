using System.Globalization;
using System.Numerics;

namespace Quota.Billing.Metering.Expressions;

/// <summary>
/// Reads an expression once, from left to right. What is written wrongly ends the reading (null is returned all the way up); what is well
/// written and means nothing, such as a function that does not exist, is noted, and the reading goes on.
/// </summary>
internal sealed class ExpressionParser(string text)
{
    private const int MaxDepth = 32;
    private const int MaxNodes = 200;

    /// <summary>Before and after the point, as in events.</summary>
    private const int MaxDigits = 18;

    private const string Properties = "event.properties.";

    /// <summary>Stands where something was refused.</summary>
    private static readonly NumberNode Anything = new(Fraction.Zero);

    private readonly ExpressionScanner _scan = new(text);
    private readonly List<ExpressionMistake> _mistakes = [];
    private readonly List<string> _names = [];
    private int _depth;
    private int _nodes;

    public IReadOnlyList<ExpressionMistake> Mistakes => _mistakes;

    /// <summary>The properties that were read, each once.</summary>
    public IReadOnlyList<string> Names => _names;

    /// <summary>The whole expression; to be used only without mistakes.</summary>
    public ExpressionNode? Parse()
    {
        if (text.Length > Expression.MaxLength)
            return Stop(Expression.MaxLength + 1, $"longer than {Expression.MaxLength} letters");
        var root = Sum();
        return root is null || _scan.AtEnd ? root : Stop(_scan.Position, $"'{_scan.Next}' was not expected here");
    }

    private ExpressionNode? Sum() => Chain('+', '-', Product);

    private ExpressionNode? Product() => Chain('*', '/', Signed);

    /// <summary>As many as there are, from left to right: a - b - c is (a - b) - c.</summary>
    private ExpressionNode? Chain(char one, char other, Func<ExpressionNode?> next)
    {
        var start = _scan.Position;
        var left = next();
        while (left is not null && _scan.Next is var sign && (_scan.Take(one) || _scan.Take(other)))
        {
            var second = _scan.Position;
            left = next() is { } right ? Made(second, new OperationNode(sign, AsNumber(start, left), AsNumber(second, right))) : null;
        }
        return left;
    }

    private ExpressionNode? Signed()
    {
        var start = _scan.Position;
        return !_scan.Take('-') ? Primary() : Deeper(Signed) switch
        {
            null => null,
            NumberNode number => new NumberNode(-number.Value),
            var of => Made(start, new NegationNode(AsNumber(start + 1, of))),
        };
    }

    private ExpressionNode? Primary()
    {
        var start = _scan.Position;
        if (_scan.NextIsDigit)
            return Number(start, _scan.TakeNumber());
        if (_scan.NextIsName)
            return Named(start, _scan.TakeName());
        if (_scan.Take('('))
            return Deeper(Sum) is { } inner && Expect(')') ? inner : null;
        if (_scan.AtEnd)
            return Stop(start, "a value is missing");
        if (_scan.Next != '\'')
            return Stop(start, $"'{_scan.Next}' is no value");
        return _scan.TakeQuoted() is { } quoted ? Made(start, new TextNode(quoted)) : Stop(start, "the text's closing ' is missing");
    }

    private ExpressionNode? Number(int start, string digits)
    {
        var parts = digits.Split('.');
        if (parts.Length > 2 || parts.Any(part => part.Length is 0 or > MaxDigits))
            return Stop(start, $"a number has at most {MaxDigits} digits, and as many after a point");
        var value = BigInteger.Parse(string.Concat(parts), NumberStyles.None, CultureInfo.InvariantCulture);
        return Made(start, new NumberNode(new Fraction(value, BigInteger.Pow(10, parts.Length == 2 ? parts[1].Length : 0))));
    }

    private ExpressionNode? Named(int start, string name)
    {
        if (_scan.Take('('))
            return Deeper(() => Call(start, name));
        if (name == "event.timestamp")
            return Made(start, new TimestampNode());
        if (name == "event.code")
            return Made(start, new CodeNode());
        var property = name.StartsWith(Properties, StringComparison.Ordinal) ? name[Properties.Length..] : "";
        if (property.Length > 0 && !property.Contains('.') && !char.IsAsciiDigit(property[0]))
            return Made(start, new PropertyNode(SlotOf(property)));
        return Note(start, $"'{Short(name)}' is not known; an event has event.code, event.timestamp and event.properties.<name>");
    }

    private ExpressionNode? Call(int start, string name)
    {
        var given = new List<ExpressionNode>();
        do
        {
            if (Sum() is not { } one)
                return null;
            given.Add(one);
        }
        while (_scan.Take(','));
        if (!Expect(')'))
            return null;
        return Made(start, ExpressionFunctions.Call(name, given, out var problem) ?? Note(start, $"'{Short(name)}' {problem}"));
    }

    private int SlotOf(string property)
    {
        if (!_names.Contains(property))
            _names.Add(property);
        return _names.IndexOf(property);
    }

    private bool Expect(char letter)
    {
        if (_scan.Take(letter))
            return true;
        Stop(_scan.Position, _scan.AtEnd ? $"'{letter}' is missing" : $"'{letter}' is expected, not '{_scan.Next}'");
        return false;
    }

    private ExpressionNode? Deeper(Func<ExpressionNode?> inner)
    {
        if (_depth == MaxDepth)
            return Stop(_scan.Position, $"nested deeper than {MaxDepth}");
        _depth++;
        var node = inner();
        _depth--;
        return node;
    }

    private ExpressionNode? Made(int start, ExpressionNode node) =>
        ++_nodes <= MaxNodes ? node : Stop(start, $"more than {MaxNodes} values, signs and functions");

    private ExpressionNode AsNumber(int start, ExpressionNode node) => node.IsText ? Note(start, "a text cannot be calculated with") : node;

    private NumberNode Note(int start, string problem)
    {
        _mistakes.Add(new ExpressionMistake(start, problem));
        return Anything;
    }

    private ExpressionNode? Stop(int start, string problem)
    {
        _mistakes.Add(new ExpressionMistake(start, problem));
        return null;
    }

    private static string Short(string name) => name.Length <= 40 ? name : name[..40] + "…";
}
