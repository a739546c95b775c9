using System.Diagnostics;
using Quota.Billing.Metering;
using Quota.Billing.Metering.Expressions;

namespace Quota.Billing.Tests.Metering.Expressions;

public sealed class ExpressionTests
{
    private static readonly DateTimeOffset At = DateTimeOffset.UnixEpoch.AddSeconds(1_700_000_000).AddMicroseconds(250_000);

    private static readonly Dictionary<string, string?> Properties = new()
    {
        ["cpu_number"] = "2", ["duration_msec"] = "4", ["memory_mb"] = "8", ["user_id"] = "u1", ["app_id"] = "7.50", ["zero"] = "0", ["ratio"] = "1.25", ["_x9"] = "3",
        ["huge"] = "999999999999999999",
    };

    [Theory]
    [InlineData("CONCAT(event.properties.user_id, '-', event.properties.app_id)", "u1-7.50")]      // these four are Lago's examples
    [InlineData("(event.properties.cpu_number * 25 * event.properties.duration_msec) + (event.properties.memory_mb * 0.000001 * event.properties.duration_msec)", "200.000032")]
    [InlineData("ROUND(event.properties.duration_msec * 1000)", "4000")]
    [InlineData("LEAST(event.properties.memory_mb, 10.0)", "8")]
    [InlineData("1 + 2 * 3 - 4 / 2", "5")]
    [InlineData("10 - 3 - 2", "5")]
    [InlineData("16 / 4 / 2", "2")]
    [InlineData("-event.properties.ratio * -2", "2.5")]
    [InlineData("- - 3", "3")]
    [InlineData("2 - -3", "5")]
    [InlineData("-(2 + 3) * 2", "-10")]
    [InlineData("\t1\n/ 3 * 3", "1")]
    [InlineData("1 / 3", "0.333333333333")]
    [InlineData("2 / 3", "0.666666666667")]
    [InlineData("-2 / 3", "-0.666666666667")]
    [InlineData("1 / -3 * 3", "-1")]
    [InlineData("0.000000000001 * 0.000001 * 1000000", "0.000000000001")]       // nothing is cut on the way
    [InlineData("0.0000000000005", "0.000000000001")]
    [InlineData("event.properties.huge * event.properties.huge / event.properties.huge", "999999999999999999")]
    [InlineData("round(event.properties.ratio, 1)", "1.3")]
    [InlineData("round(-event.properties.ratio, 1)", "-1.3")]
    [InlineData("ceil(event.properties.ratio)", "2")]
    [InlineData("Ceil(-1.25, 1)", "-1.2")]
    [InlineData("floor(event.properties.ratio, 1)", "1.2")]
    [InlineData("FLOOR(-1.25)", "-2")]
    [InlineData("ceil(1234, -2)", "1300")]
    [InlineData("greatest(1, event.properties.ratio, 1.2)", "1.25")]
    [InlineData("max(min(5, 6), 4)", "5")]
    [InlineData("event.timestamp", "1700000000.25")]
    [InlineData("floor(event.timestamp / 3600)", "472222")]
    [InlineData("event.code", "llm.request")]
    [InlineData("concat(event.code, ':', 1.50, '+', 1/3)", "llm.request:1.5+0.333333333333")]
    [InlineData("concat('12')", "12")]
    [InlineData("'a (b'", "a (b")]
    [InlineData("event.properties._x9", "3")]
    [InlineData("event.properties.app_id", "7.50")]                             // alone, it is as it was written
    [InlineData("(event.properties.user_id)", "u1")]
    [InlineData("42", "42")]
    [InlineData("event.properties.missing", null)]
    [InlineData("event.properties.missing + 1", null)]
    [InlineData("event.properties.user_id * 2", null)]
    [InlineData("0 * event.properties.missing", null)]
    [InlineData("round(event.properties.missing)", null)]
    [InlineData("least(1, event.properties.missing)", null)]
    [InlineData("-event.properties.user_id", null)]
    [InlineData("concat('a', event.properties.missing)", null)]
    [InlineData("concat('a', 1 / event.properties.zero)", null)]
    [InlineData("1 / event.properties.zero", null)]
    [InlineData("1 / (1 - 1)", null)]
    [InlineData("event.properties.huge + 1", null)]
    [InlineData("-event.properties.huge * 2", null)]
    public void Gives(string text, string? value) => Evaluate(text).Text.ShouldBe(value);

    [Theory]
    [InlineData("", "at 1: a value is missing")]
    [InlineData("   ", "at 4: a value is missing")]
    [InlineData("1 +", "at 4: a value is missing")]
    [InlineData("1 + * 2", "at 5: '*' is no value")]
    [InlineData("1 2", "at 3: '2' was not expected here")]
    [InlineData("(1 + 2", "at 7: ')' is missing")]
    [InlineData("1 + 2)", "at 6: ')' was not expected here")]
    [InlineData("(1, 2)", "at 3: ')' is expected, not ','")]
    [InlineData("round()", "at 7: ')' is no value")]
    [InlineData("concat('a", "at 8: the text's closing ' is missing")]
    [InlineData("1.2.3", "at 1: a number has at most 18 digits, and as many after a point")]
    [InlineData("1.", "at 1: a number has at most 18 digits, and as many after a point")]
    [InlineData("1234567890123456789", "at 1: a number has at most 18 digits, and as many after a point")]
    [InlineData("1e3", "at 2: 'e' was not expected here")]
    [InlineData("+1", "at 1: '+' is no value")]
    [InlineData("2 & 3", "at 3: '&' was not expected here")]
    [InlineData("event.properties", "at 1: 'event.properties' is not known; an event has event.code, event.timestamp and event.properties.<name>")]
    [InlineData("1 + event.properties.a.b", "at 5: 'event.properties.a.b' is not known; an event has event.code, event.timestamp and event.properties.<name>")]
    [InlineData("event.properties.9", "at 1: 'event.properties.9' is not known; an event has event.code, event.timestamp and event.properties.<name>")]
    [InlineData("tokens", "at 1: 'tokens' is not known; an event has event.code, event.timestamp and event.properties.<name>")]
    [InlineData("1 + sqrt(4)", "at 5: 'sqrt' is no function; there are round, ceil, floor, least, greatest, min, max, concat")]
    [InlineData("'a' + 1", "at 1: a text cannot be calculated with")]
    [InlineData("2 * -'a'", "at 6: a text cannot be calculated with")]
    [InlineData("1 - concat('a')", "at 5: a text cannot be calculated with")]
    [InlineData("1 - event.code", "at 5: a text cannot be calculated with")]
    [InlineData("round('a')", "at 1: 'round' takes a number, not a text")]
    [InlineData("least(1, event.code)", "at 1: 'least' takes numbers, not texts")]
    [InlineData("round(1, 2, 3)", "at 1: 'round' takes a number and at most one more: the decimals to keep")]
    [InlineData("round(1, 16)", "at 1: 'round' takes the decimals to keep as a spelled whole number from -15 to 15")]
    [InlineData("round(1, 0.5)", "at 1: 'round' takes the decimals to keep as a spelled whole number from -15 to 15")]
    [InlineData("round(1, event.properties.n)", "at 1: 'round' takes the decimals to keep as a spelled whole number from -15 to 15")]
    [InlineData("foo(1) + bar(2) * 'x'", "at 1: 'foo' is no function; there are round, ceil, floor, least, greatest, min, max, concat|at 10: 'bar' is no function; there are round, ceil, floor, least, greatest, min, max, concat|at 19: a text cannot be calculated with")]
    public void Every_mistake_is_named_where_it_is(string text, string mistakes)
    {
        Expression.Parse(text, out var found).ShouldBeNull();
        string.Join('|', found).ShouldBe(mistakes);
    }

    [Fact]
    public void Length_depth_and_size_have_bounds()
    {
        Mistake(new string('1', 1_001)).ShouldBe("at 1001: longer than 1000 letters");
        Value("1" + new string(' ', 999)).ShouldBe("1");
        Mistake(new string('(', 33) + "1" + new string(')', 33)).ShouldBe("at 34: nested deeper than 32");
        Value(new string('(', 32) + "1" + new string(')', 32)).ShouldBe("1");
        Mistake(new string('-', 33) + "1").ShouldBe("at 34: nested deeper than 32");
        Value(string.Join('+', Enumerable.Repeat("1", 100))).ShouldBe("100");
        Mistake(string.Join('+', Enumerable.Repeat("1", 101))).ShouldEndWith("more than 200 values, signs and functions");
        Evaluate($"concat({string.Join(',', Enumerable.Repeat("event.properties.t", 40))})", new() { ["t"] = new string('x', 101) }).Text.ShouldBeNull();
        Evaluate($"concat({string.Join(',', Enumerable.Repeat("event.properties.t", 40))})", new() { ["t"] = new string('x', 100) }).Text!.Length.ShouldBe(4_000);
    }

    [Fact]
    public void A_property_is_asked_for_once_whatever_the_expression_repeats()
    {
        var expression = Parse("event.properties.a + event.properties.b * event.properties.a");
        expression.Names.ShouldBe(["a", "b"]);
        expression.Of([SomeEvents.Value("2"), SomeEvents.Value("5")], At, "c").Text.ShouldBe("12");
    }

    [Fact]
    public void The_worst_expression_still_keeps_up()
    {
        var product = Parse(string.Join('/', Enumerable.Repeat("event.properties.a*event.properties.b", 26)));
        PropertyValue[] slots = [SomeEvents.Value("999999999999999999.999999999999"), SomeEvents.Value("0.000000000007")];
        var watch = Stopwatch.StartNew();
        for (var i = 0; i < 1_000; i++)
            product.Of(slots, At, "c");
        watch.Elapsed.ShouldBeLessThan(TimeSpan.FromSeconds(2));
    }

    [Theory]
    [InlineData("sum_agg", null, "a", "a", "2")]
    [InlineData("sum_agg", "event.properties.b * 2", "a", "b", "6")]            // Lago's clients name a field beside the expression
    [InlineData("count_agg", null, "a", "", null)]
    [InlineData("sum_agg", "event.timestamp", null, "", "1700000000.25")]
    public void A_metric_measures_by_its_expression_else_its_field(string type, string? expression, string? field, string names, string? value)
    {
        var measure = new Measure(new MetricTerms { EventCode = "c", AggregationType = type, Expression = expression, FieldName = field });
        string.Join(',', measure.Names).ShouldBe(names);
        measure.Of([.. measure.Names.Select(name => SomeEvents.Value(name == "a" ? "2" : "3"))], At, "c").Text.ShouldBe(value);
    }

    private static string? Value(string text) => Evaluate(text).Text;

    private static string Mistake(string text)
    {
        Expression.Parse(text, out var mistakes).ShouldBeNull();
        return mistakes.ShouldHaveSingleItem().ToString();
    }

    private static PropertyValue Evaluate(string text, Dictionary<string, string?>? properties = null)
    {
        var expression = Parse(text);
        return expression.Of([.. expression.Names.Select(name => SomeEvents.Value((properties ?? Properties).GetValueOrDefault(name)))], At, "llm.request");
    }

    private static Expression Parse(string text)
    {
        var expression = Expression.Parse(text, out var mistakes);
        mistakes.ShouldBeEmpty(string.Join(", ", mistakes));
        return expression!;
    }
}
