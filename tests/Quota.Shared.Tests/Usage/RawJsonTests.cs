using System.Text;
using System.Text.Json;
using CsCheck;
using Quota.Shared.Usage;

namespace Quota.Shared.Tests.Usage;

public class RawJsonTests
{
    [Theory]
    [InlineData("""{"prompt_tokens": 11,  "cost":1.50e-3,"who":"\u00e9\/é"}""")]
    [InlineData("null")]
    [InlineData("[]")]
    public void It_is_written_as_it_came(string json) => Written(json).ShouldBe(json);

    [Fact]
    public void Line_ends_become_spaces_so_that_it_fits_in_a_line() => Written("{\r\n  \"a\": \"\\n\"\n}").ShouldBe("{    \"a\": \"\\n\" }");

    [Theory]
    [InlineData("")]
    [InlineData(" ")]
    [InlineData("{")]
    [InlineData("{} {}")]
    [InlineData("{\"a\":1,}")]
    [InlineData("NaN")]
    [InlineData("\"a\nb\"")]
    public void What_is_not_one_value_is_none(string json) => RawJson.TryTake(Encoding.UTF8.GetBytes(json)).ShouldBeNull();

    [Fact]
    public void Bytes_that_are_no_text_are_none() => RawJson.TryTake([(byte)'"', 0xC3, (byte)'"']).ShouldBeNull();

    [Theory]
    [InlineData(RawJson.MaxDepth, true)]
    [InlineData(RawJson.MaxDepth + 1, false)]
    public void Depth_is_bounded(int depth, bool isTaken) =>
        (RawJson.TryTake(Encoding.UTF8.GetBytes(new string('[', depth) + new string(']', depth))) is not null).ShouldBe(isTaken);

    [Theory]
    [InlineData(RawJson.MaxBytes, true)]
    [InlineData(RawJson.MaxBytes + 1, false)]
    public void Size_is_bounded(int bytes, bool isTaken) => (RawJson.TryTake([(byte)'"', .. Enumerable.Repeat((byte)'a', bytes - 2), (byte)'"']) is not null).ShouldBe(isTaken);

    [Fact]
    public void What_was_written_before_these_bounds_is_still_read()
    {
        var json = new string('[', 60) + new string(']', 60);
        Encoding.UTF8.GetString(JsonSerializer.Deserialize<RawJson>(json).Utf8).ShouldBe(json);
    }

    [Fact]
    public void An_event_with_it_reads_back_with_the_same_bytes() => Gen.String.Sample(text =>
    {
        var json = JsonSerializer.SerializeToUtf8Bytes(new Dictionary<string, string> { ["said"] = text });
        var written = JsonSerializer.SerializeToUtf8Bytes(RawJson.TryTake([.. json]));
        written.ShouldBe(json);
        JsonSerializer.Deserialize<RawJson>(written).Utf8.ToArray().ShouldBe(json);
    }, iter: 1_000);

    private static string Written(string json) => JsonSerializer.Serialize(RawJson.TryTake(Encoding.UTF8.GetBytes(json)));
}
