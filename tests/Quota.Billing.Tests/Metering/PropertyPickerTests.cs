using System.Text;
using System.Text.Json;
using CsCheck;
using Quota.Billing.Metering;

namespace Quota.Billing.Tests.Metering;

public sealed class PropertyPickerTests
{
    private static readonly string[] Names = ["n", "model", "é \"x\"", "", "a/b"];

    private static readonly Gen<string> Spaces = SomeEvents.Any("", "", " ", "\n\t");

    /// <summary>A text as JSON, its letters escaped now and then though they need not be.</summary>
    private static Gen<string> Quoted(Gen<string> texts) => Gen.Select(texts, Gen.Int, (text, seed) =>
    {
        var random = new Random(seed);
        return $"\"{string.Concat(text.Select(letter => letter is '"' or '\\' or < ' ' || random.Next(4) == 0 ? $"\\u{(int)letter:x4}" : $"{letter}"))}\"";
    });

    private static readonly Gen<string> Scalars = Gen.OneOf(
        SomeEvents.Any("null", "true", "false", "0", "-1.50", "1e3", "12345678901234567890", "\"12\"", "\"1e3\"", "\"\\/\"", "\"\\ud83d\\ude00\""),
        Quoted(Gen.String[Gen.Char["añ\"\\ 7/😀"[0..6]], 0, 6]));

    private static Gen<string> Objects(Gen<string> values) => Gen.Select(Quoted(SomeEvents.Any([.. Names, "other"])), Spaces, values, Spaces, (name, a, value, b) => $"{a}{name}{b}:{a}{value}{b}")
        .Array[0, 6].Select(members => $"{{{string.Join(',', members)}}}");

    private static readonly Gen<string> Documents = Objects(Gen.Frequency((5, Scalars), (1, Objects(Scalars)), (1, Gen.Select(Scalars, Objects(Scalars), (one, other) => $"[ {one},{other}]"))));

    [Fact]
    public void Picks_what_the_document_has() => Gen.Select(Documents, Gen.Shuffle(Names), Gen.Int[0, Names.Length]).Sample((json, names, count) =>
    {
        var wanted = names[..count];
        var slots = new PropertyValue[count];
        new PropertyPicker(wanted).Pick(Encoding.UTF8.GetBytes(json), slots);
        using var document = JsonDocument.Parse(json);
        for (var i = 0; i < count; i++)
        {
            var all = document.RootElement.EnumerateObject().Where(member => member.Name == wanted[i] && member.Value.ValueKind != JsonValueKind.Null).ToList();
            var text = all.Count == 0 ? null : all[0].Value.ValueKind == JsonValueKind.String ? all[0].Value.GetString() : all[0].Value.GetRawText();
            slots[i].Text.ShouldBe(text, json);
            (slots[i].Kind == PropertyKind.Absent).ShouldBe(text is null, json);
        }
    }, iter: 5_000);

    [Theory]
    [InlineData("""{"n":12}""", "Number", "12")]
    [InlineData("""{"n":"12"}""", "Number", "12")]
    [InlineData("""{"n":"\u0031\u0032"}""", "Number", "12")]
    [InlineData("""{"n":"-0.5"}""", "Number", "-0.5")]
    [InlineData("""{"n":"1e3"}""", "Text", "1e3")]
    [InlineData("""{"n":1e3}""", "Number", "1e3")]
    [InlineData("""{"n":1e30}""", "Other", "1e30")]
    [InlineData("""{"n":" 12"}""", "Text", " 12")]
    [InlineData("""{"n":""}""", "Text", "")]
    [InlineData("""{"n":"1234567890123456789"}""", "Text", "1234567890123456789")]
    [InlineData("""{"n":true}""", "Other", "true")]
    [InlineData("""{"n":{"n":1}}""", "Other", """{"n":1}""")]
    [InlineData("""{"x":{"n":1}}""", "Absent", null)]
    [InlineData("""{"x":[{"n":1}],"n":2,"n":3}""", "Number", "2")]
    [InlineData("""{"n":null,"n":3}""", "Number", "3")]
    [InlineData("""{}""", "Absent", null)]
    public void Values_are_what_clients_mean(string json, string kind, string? text)
    {
        var slots = new PropertyValue[1];
        new PropertyPicker(["n"]).Pick(Encoding.UTF8.GetBytes(json), slots);
        slots[0].Kind.ToString().ShouldBe(kind);
        slots[0].Text.ShouldBe(text);
    }
}
