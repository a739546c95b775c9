using System.Text;
using Microsoft.Extensions.Time.Testing;
using Quota.Gateway.Providers.Generic;
using Quota.Shared.Usage;

namespace Quota.Gateway.Tests.Providers.Generic;

/// <summary>Units of a generic upstream's calls: from headers, from JSON, from the clock; as many as were held where the answer does not say.</summary>
public sealed class GenericUsageTests
{
    private static readonly UnitSource InHeader = new("characters", "x-characters", null, 500), InJson = new("images", null, JsonPath.Parse("n"), 9), OnClock = new(UnitSource.Seconds, null, null, 60);

    [Fact]
    public void Every_unit_is_read_and_rounded_up()
    {
        var (clock, answer) = (new FakeTimeProvider(), "{\"n\":2.1}"u8.ToArray());
        var usage = new GenericUsage([InHeader, InJson, OnClock], clock);
        usage.InputKnown.ShouldBe(new UsageCounts { Requests = 1, Characters = 500, Images = 9, Seconds = 0, BytesOut = 0 });
        Answer(usage, ("x-characters", "12.5"));
        clock.Advance(TimeSpan.FromSeconds(3.01));
        foreach (var b in answer)
            usage.Feed([b], null);
        usage.End(null);
        usage.Usage.ShouldBe(new UsageCounts { Requests = 1, Characters = 13, Images = 3, Seconds = 4, BytesOut = answer.Length });
    }

    [Theory]
    [InlineData("-1")]
    [InlineData("1e3")]
    [InlineData("many")]
    [InlineData("")]
    [InlineData("99999999999")]
    [InlineData(null)]
    public void A_number_that_is_not_there_makes_an_estimate_of_the_most(string? header)
    {
        var usage = new GenericUsage([InHeader, InJson], new FakeTimeProvider());
        if (header is not null)
            Answer(usage, ("x-characters", header));
        usage.Feed("{\"n\":2}"u8, null);
        usage.End(null);
        usage.Usage.ShouldBeNull();
        usage.InputKnown.ShouldBe(new UsageCounts { Requests = 1, Characters = 500, Images = 2, BytesOut = 7 });
    }

    [Fact]
    public void Without_units_it_counts_bytes()
    {
        var usage = new GenericUsage([], new FakeTimeProvider());
        usage.Feed(Encoding.UTF8.GetBytes(new string('x', 100)), null);
        usage.End(null);
        (usage.Usage, usage.OutputBytes).ShouldBe((new UsageCounts { Requests = 1, BytesOut = 100 }, 0));
    }

    private static void Answer(GenericUsage usage, (string Name, string Value) header)
    {
        using var answer = new HttpResponseMessage();
        answer.Headers.TryAddWithoutValidation(header.Name, header.Value);
        usage.Answered(answer.Headers);
    }
}
