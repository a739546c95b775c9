using System.Text;
using Quota.Gateway.Providers.Generic;

namespace Quota.Gateway.Tests.Providers.Generic;

/// <summary>Numbers at a path in JSON, however its bytes are cut.</summary>
public sealed class JsonPathTests
{
    [Theory]
    [InlineData("n", """{"n":7}""", "7")]
    [InlineData("n", """ { "a" : {"n":1}, "b":[{"n":2}], "n" : 12.50 } """, "12.50")]
    [InlineData("a.n", """{"n":1,"a":{"b":{"n":2},"n":3},"x":4}""", "3")]
    [InlineData("a[1].n", """{"a":[{"n":1},{"m":[9,{"n":8}],"n":2},{"n":3}]}""", "2")]
    [InlineData("a[0][2]", """{"b":[[5,6,7]],"a":[[1,[2],3],[4]]}""", "3")]
    [InlineData("a[2]", """{"a":[{"x":[1,2]},[3,4],5]}""", "5")]
    [InlineData("n", """{"n":1e3}""", "1000")]
    [InlineData("n", """{"\u006e":4,"n":5}""", "4")]   // the first, by what the name means
    [InlineData("n-1_b", """{"n-1_b":-2}""", "-2")]
    [InlineData("n", """{"n":"7"}""", null)]
    [InlineData("n", """{"n":{"n":7}}""", null)]
    [InlineData("n", """[{"n":7}]""", null)]
    [InlineData("a.n", """{"a":[{"n":7}]}""", null)]
    [InlineData("a[0]", """{"a":{"0":7}}""", null)]
    [InlineData("a[3]", """{"a":[1,2,3]}""", null)]
    [InlineData("n", """{"text":"\"n\":7","m":1}""", null)]
    [InlineData("n", """{"a":}""", null)]
    [InlineData("n", "", null)]
    [InlineData("n", "<n>7</n>", null)]
    [InlineData("n", """{"m":1} {"n":7}""", null)]
    [InlineData("n", """{"n":99999999999999999999999999999999}""", null)]
    public void It_is_found_whatever_the_cut(string path, string text, string? number)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        decimal? expected = number is null ? null : decimal.Parse(number, System.Globalization.CultureInfo.InvariantCulture);
        for (var cut = 0; cut <= bytes.Length; cut++)
            Read(path, [bytes[..cut], bytes[cut..]]).ShouldBe(expected, $"cut at {cut}");
        Read(path, [.. bytes.Select(b => new[] { b })]).ShouldBe(expected, "one byte at a time");
    }

    [Fact]
    public void Depth_and_size_are_bounded()
    {
        Read("n", [Encoding.UTF8.GetBytes($$"""{"a":{{new string('[', 100)}}{{new string(']', 100)}},"n":7}""")]).ShouldBeNull();
        var filler = new string('x', 1000);
        var text = "{" + string.Concat(Enumerable.Range(0, 1_100).Select(i => $"\"f{i}\":\"{filler}\",")) + "\"n\":7}";   // more than 1 MiB
        Read("n", [.. Encoding.UTF8.GetBytes(text).Chunk(4096)]).ShouldBeNull();
        Read("f3", [.. Encoding.UTF8.GetBytes(text.Replace("\"f3\":\"" + filler + "\"", "\"f3\":3", StringComparison.Ordinal)).Chunk(4096)]).ShouldBe(3);
    }

    [Theory]
    [InlineData("a.b_c[0].d-e[12]", true)]
    [InlineData("$.a", false)]
    [InlineData("a..b", false)]
    [InlineData("a[-1]", false)]
    [InlineData("a[x]", false)]
    [InlineData("a[1", false)]
    [InlineData("a[1]b", false)]
    [InlineData("[0]", false)]
    [InlineData("", false)]
    [InlineData("a b", false)]
    [InlineData("a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p", true)]
    [InlineData("a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q", false)]
    public void A_path_is_written_strictly(string path, bool isOne) => (JsonPath.Parse(path) is not null).ShouldBe(isOne);

    private static decimal? Read(string path, byte[][] pieces)
    {
        var reader = new JsonPathReader(JsonPath.Parse(path).ShouldNotBeNull());
        foreach (var piece in pieces)
            reader.Feed(piece);
        reader.End();
        return reader.Value;
    }
}
