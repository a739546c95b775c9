using System.Text;
using System.Text.Json;
using Quota.Gateway.Providers;
using Quota.Gateway.Providers.OpenAi;

namespace Quota.Gateway.Tests.Providers;

/// <summary>What a body asks for, and how usage is asked for in its place.</summary>
public sealed class ChatRequestReaderTests
{
    private static ProviderRequest Read(string body) => ChatRequestReader.Read(Encoding.UTF8.GetBytes(body)).Request.ShouldNotBeNull();

    [Theory]
    [InlineData("{\"model\":\"m\",\"stream\":true}")]
    [InlineData("{\"stream\":true,\"stream_options\":{},\"model\":\"m\" }")]
    [InlineData("{\"stream\":true,\"stream_options\":{\"x\":[1,{}]},\"model\":\"m\"}")]
    [InlineData("{\"stream\":true,\"stream_options\":{\"include_usage\":false,\"x\":1},\"model\":\"m\"}")]
    [InlineData("{\"stream\":true,\"stream_options\":{\"include_usage\":null},\"model\":\"m\"}")]
    [InlineData("{\"stream\":true,\"stream_options\":null,\"model\":\"m\"}")]
    public void A_stream_that_does_not_ask_for_usage_is_made_to(string body)
    {
        var request = Read(body);
        request.HidesUsage.ShouldBeTrue();
        var (sent, asked) = (JsonElement.Parse(request.Body.Span), JsonElement.Parse(body));
        sent.GetProperty("stream_options").GetProperty("include_usage").GetBoolean().ShouldBeTrue();
        sent.EnumerateObject().Count(field => field.Name == "stream_options").ShouldBe(1);
        foreach (var field in asked.EnumerateObject().Where(field => field.Name != "stream_options"))
            sent.GetProperty(field.Name).GetRawText().ShouldBe(field.Value.GetRawText());
    }

    [Theory]
    [InlineData("{\"model\":\"m\"}")]
    [InlineData("{\"model\":\"m\",\"stream\":false,\"stream_options\":null}")]
    [InlineData("{\"model\":\"m\",\"stream\":true,\"stream_options\":{\"include_usage\":true}}")]
    public void Other_bodies_go_on_byte_for_byte(string body)
    {
        var request = Read(body);
        request.HidesUsage.ShouldBeFalse();
        Encoding.UTF8.GetString(request.Body.Span).ShouldBe(body);
    }

    [Fact]
    public void Bounds_are_the_larger_of_both_names_and_media_are_noticed()
    {
        var request = Read("""{"model":"m","max_tokens":5,"max_completion_tokens":9,"n":3,"messages":[{"content":[{"type":"image_url","image_url":{"url":"x"}}]}]}""");
        (request.OutputBound, request.Choices, request.HasMedia).ShouldBe((9, 3, true));
        Read("""{"model":"m","max_tokens":null,"messages":[{"content":"image_url"}]}""").ShouldSatisfyAllConditions(
            it => it.OutputBound.ShouldBeNull(), it => it.HasMedia.ShouldBeFalse());
    }
}
