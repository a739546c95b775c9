using System.Text.Json;
using CsCheck;
using Quota.Billing.Http;

namespace Quota.Billing.Tests.Http;

public sealed class InputTests
{
    [Theory]
    [InlineData("\"a\\u0000b\"")]
    [InlineData("\"\\ud800\"")]
    [InlineData("17")]
    [InlineData("{}")]
    public void Text_refuses_what_cannot_be_stored(string json)
    {
        var input = Read(json);
        input.Text("x").ShouldBeNull();
        input.Validation.Details["x"].ShouldBe(["value_is_invalid"]);
    }

    [Theory]
    [InlineData("null", null)]
    [InlineData("\"12.50\"", "12.5")]
    [InlineData("1e3", "1000")]
    [InlineData("1.5e-3", "0.0015")]
    [InlineData("-7", "-7")]
    public void Decimals_are_read_exactly(string json, string? expected)
    {
        var value = Read(json).Decimal("x");
        (value is { } number ? JsonFormats.Text(number) : null).ShouldBe(expected);
    }

    [Theory]
    [InlineData("\"\"")]
    [InlineData("\"1,5\"")]
    [InlineData("\" 1\"")]
    [InlineData("\"1e400\"")]
    [InlineData("1e-28")]
    [InlineData("123456789012345678901234567890")]
    [InlineData("0.00000000000000000000000000001")]
    [InlineData("true")]
    public void Decimals_are_never_rounded(string json)
    {
        var input = Read(json);
        var read = input.Decimal("x");
        if (json == "1e-28")
            read.ShouldBe(0.0000000000000000000000000001m);
        else
            input.Validation.IsValid.ShouldBeFalse();
    }

    [Fact]
    public void Every_decimal_survives_being_written_and_read() =>
        Gen.Decimal.Sample(value => DecimalText.TryParse(JsonFormats.Text(value), out var read) ? read == value : JsonFormats.Text(value).Count(char.IsAsciiDigit) > 28);

    [Theory]
    [InlineData("2026-11-30T23:59:59Z", "2026-11-30T23:59:59.000Z")]
    [InlineData("2026-11-30T23:59:59.123456+02:00", "2026-11-30T21:59:59.123Z")]
    [InlineData("2026-11-30", "2026-11-30T00:00:00.000Z")]
    public void Times_are_utc_unless_they_say(string text, string expected) =>
        JsonFormats.Text(Read($"\"{text}\"").Time("x")!.Value).ShouldBe(expected);

    [Theory]
    [InlineData("\"30.11.2026\"")]
    [InlineData("\"0001-01-01T00:00:00Z\"")]
    [InlineData("\"9999-12-31T23:59:59Z\"")]
    [InlineData("1764547199")]
    public void Other_times_are_mistakes(string json)
    {
        var input = Read(json);
        input.Time("x").ShouldBeNull();
        input.Validation.Details["x"].ShouldBe(["invalid_format"]);
    }

    [Fact]
    public void Nested_mistakes_are_named_by_their_path()
    {
        var input = Read("""{"kind":3,"items":[{"a":1},{"a":"x"},5]}""").Object("x")!;
        input.Text("kind");
        foreach (var item in input.Objects("items", 10))
            item.Whole("a", 0, 9);
        input.Validation.Details.Keys.Order().ShouldBe(["x.items.1.a", "x.items.2", "x.kind"]);
    }

    [Fact]
    public void Lists_are_bounded()
    {
        var input = Read("[1,2,3]");
        input.Texts("x", 2).ShouldBeEmpty();
        input.Validation.Details["x"].Single().ShouldContain("at most 2");
    }

    private static Input Read(string json) => new(JsonElement.Parse($$"""{"x":{{json}}}"""), new Validation());
}
