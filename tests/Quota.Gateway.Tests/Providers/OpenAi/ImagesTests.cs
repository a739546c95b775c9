using System.Buffers;
using System.Text;
using Quota.Gateway.Providers;
using Quota.Gateway.Providers.OpenAi;
using Quota.Shared.Usage;

namespace Quota.Gateway.Tests.Providers.OpenAi;

/// <summary>Images: how many, how many tokens each at most, and usage behind an image of megabytes.</summary>
public sealed class ImagesTests
{
    [Theory]
    [InlineData("""{"model":"gpt-image-1","prompt":"a"}""", 1, 7_024)]
    [InlineData("""{"model":"gpt-image-1","prompt":"a","n":3,"quality":"low","size":"1024x1536"}""", 3, 408)]
    [InlineData("""{"model":"gpt-image-1","prompt":"a","quality":"medium","size":"auto","stream":true,"partial_images":2}""", 1, 1_957)]
    [InlineData("""{"model":"gpt-image-2","prompt":"a","quality":"low","size":"3840x2160"}""", 1, 23_719)]
    [InlineData("""{"model":"dall-e-3","prompt":"a","quality":"hd","size":"1792x1024","n":null}""", 1, 0)]
    public void It_says_what_bounds_the_call(string body, long images, long tokens)
    {
        var request = ImagesRequestReader.Read(Encoding.UTF8.GetBytes(body)).Request.ShouldNotBeNull();
        (request.Images, request.Choices, request.OutputBound, request.HasMedia).ShouldBe((images, images, tokens, false));
    }

    [Theory]
    [InlineData("""{"prompt":"a"}""", "model")]
    [InlineData("""{"model":"a","model":"b"}""", "model")]
    [InlineData("""{"model":"a","n":11}""", "n")]
    [InlineData("""{"model":"a","n":1,"n":2}""", "n")]
    [InlineData("""{"model":"a","n":2,"stream":true}""", "n")]
    [InlineData("""{"model":"a","partial_images":4}""", "partial_images")]
    [InlineData("""{"model":"a","size":7}""", "size")]
    [InlineData("""{"model":"a","stream":"yes"}""", "stream")]
    [InlineData("""{"model":"a"} x""", null)]
    public void It_refuses_by_name(string body, string? field) =>
        ImagesRequestReader.Read(Encoding.UTF8.GetBytes(body)).Refusal.ShouldBeOfType<Refusal.BadRequest>().Parameter.ShouldBe(field);

    [Fact]
    public void A_form_says_the_same()
    {
        var body = Forms.Of(("model", "gpt-image-1"), ("@image[]", "PNG"), ("@image[]", "PNG"), ("prompt", "a"), ("n", "2"), ("quality", "low"), ("size", "1024x1024"));
        var request = ImageFormReader.Read(body, Forms.ContentType).Request.ShouldNotBeNull();
        (request.Images, request.Choices, request.OutputBound, request.HasMedia, request.HasImages).ShouldBe((2, 2, 408, true, true));
        SplicedBodyTests.Text(request.Naming("deployed").Body).ShouldBe(Encoding.UTF8.GetString(body).Replace("gpt-image-1", "deployed", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("model", null, "@image", "x")]
    [InlineData("image", "m", "prompt", "x")]
    [InlineData("n", "m", "n", "many")]
    [InlineData("stream", "m", "stream", "yes")]
    [InlineData("model", "m", "model", "other")]
    public void A_form_is_refused_by_name(string field, string? model, string name, string value)
    {
        (string, string)[] fields = [.. model is null ? [] : new[] { ("model", model) }, (name, value), .. field is "image" or "model" ? [] : new[] { ("@image", "PNG") }];
        ImageFormReader.Read(Forms.Of(fields), Forms.ContentType).Refusal.ShouldBeOfType<Refusal.BadRequest>().Parameter.ShouldBe(field);
    }

    [Fact]
    public void Usage_behind_an_image_of_megabytes_is_read()
    {
        var stream = Encoding.UTF8.GetBytes("event: image_edit.completed\ndata: {\"type\":\"image_edit.completed\",\"b64_json\":\"" + Forms.Text(3 << 20)
            + "\",\"usage\":{\"total_tokens\":9,\"input_tokens\":4,\"output_tokens\":5,\"input_tokens_details\":{\"text_tokens\":1,\"image_tokens\":3}}}");
        var (reader, kept) = (new LastEventUsage(ImagesUsage.Parse), new ArrayBufferWriter<byte>());
        foreach (var piece in stream.Chunk(16_384))
            reader.Feed(piece, kept);
        reader.IsComplete.ShouldBeFalse();
        reader.End(kept);   // the last line has no end
        reader.Usage.ShouldBe(new UsageCounts { Requests = 1, InputTokens = 4, OutputTokens = 5, ImageTokens = 3, ImageOutputTokens = 5 });
        kept.WrittenSpan.SequenceEqual(stream).ShouldBeTrue();
    }
}
