using Quota.Gateway.ControlPlane;
using Quota.Gateway.Providers;
using Quota.Gateway.Providers.Generic;

namespace Quota.Gateway.Tests.ControlPlane;

/// <summary>What <c>quota.yaml</c> may say of a generic upstream, and each mistake by its name.</summary>
public sealed class GenericTextTests
{
    [Fact]
    public void Its_models_are_its_name_or_what_stands_below_it()
    {
        Read("ocr", new UpstreamText()).Upstream.Models.ShouldBe(["ocr"]);
        var named = Read("ocr", new UpstreamText { Model = new ModelPlaceText { Header = "x-model" } }).Upstream;
        (named.Models[0], named.ModelHeader).ShouldBe(("ocr/*", "x-model"));
    }

    [Fact]
    public void Units_come_from_header_json_or_clock()
    {
        var (upstream, mistakes) = Read("ocr", new UpstreamText
        {
            Meter = { ["seconds"] = new MeterText { Most = 60 }, ["images"] = new MeterText { Json = "data[0].n", Most = 5 }, ["characters"] = new MeterText { Header = "x-n", Most = 7 } },
        });
        mistakes.ShouldBeEmpty();
        upstream.Units.Select(unit => (unit.Unit, unit.IsClock, unit.Header, unit.Json is not null, unit.Most)).ShouldBe(
            [("seconds", true, null, false, 60), ("images", false, null, true, 5), ("characters", false, "x-n", false, 7)]);
    }

    [Theory]
    [InlineData("pages", "x-n", null, 5L, "is not metered")]
    [InlineData("images", null, null, 5L, "needs one of header and json")]
    [InlineData("images", "x-n", "n", 5L, "needs one of header and json")]
    [InlineData("images", "x n", null, 5L, "is not the name of a header")]
    [InlineData("images", null, "$.n", 5L, "is not a path")]
    [InlineData("images", null, "n", null, "most: ")]
    [InlineData("seconds", null, null, 0L, "most: ")]
    public void Mistakes_of_a_unit_are_named(string unit, string? header, string? json, long? most, string mistake)
    {
        var (_, mistakes) = Read("ocr", new UpstreamText { Meter = { [unit] = new MeterText { Header = header, Json = json, Most = most } } });
        mistakes.ShouldHaveSingleItem().ShouldContain($"upstreams.ocr.meter.{unit}");
        mistakes[0].ShouldContain(mistake);
    }

    [Theory]
    [InlineData("v1")]
    [InlineData("api")]
    [InlineData("a/b")]
    [InlineData("a*")]
    public void Its_name_must_be_the_beginning_of_a_path_that_nobody_else_has(string name) => Read(name, new UpstreamText()).Mistakes.ShouldHaveSingleItem().ShouldContain("beginning of its paths");

    [Fact]
    public void What_is_not_its_own_is_refused()
    {
        Read("ocr", new UpstreamText { Models = ["*"] }).Mistakes.ShouldHaveSingleItem().ShouldContain("models and names");
        Read("ocr", new UpstreamText { Model = new ModelPlaceText() }).Mistakes.ShouldHaveSingleItem().ShouldContain("model.header");
        Read("ocr", new UpstreamText { Options = { [GenericAdapter.CredentialHeader] = "x key" } }).Mistakes.ShouldHaveSingleItem().ShouldContain("credential_header");
        Read("ocr", new UpstreamText { Meter = { ["seconds"] = new MeterText { Most = 1 } } }, "openai").Mistakes.ShouldHaveSingleItem().ShouldContain("generic upstreams only");
    }

    private static (Upstream Upstream, List<string> Mistakes) Read(string name, UpstreamText text, string protocol = GenericAdapter.Word)
    {
        var mistakes = new List<string>();
        var upstream = new Upstream(name, protocol, new Uri("http://there"), "", text.Models) { Options = text.Options };
        return (GenericText.Read(upstream, text, $"upstreams.{name}", mistakes), mistakes);
    }
}
