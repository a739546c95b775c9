using System.Text;
using Quota.Gateway.Providers;
using Quota.Gateway.Providers.Anthropic;
using Quota.Gateway.Providers.OpenAi;
using Quota.Gateway.Providers.Tokens;

namespace Quota.Gateway.Tests.Providers.Tokens;

/// <summary>A request whose only media are images is bound by its text and so much for each; what is an image itself is no text.</summary>
public sealed class ImageBoundTests
{
    private const string Url = "data:image/png;base64,iVBORw0KGgo=";   // 34 bytes
    private const long OfGpt4o = 85 + 8 * 170;
    private static readonly string Large = "data:image/png;base64," + new string('A', 400_000);

    [Fact]
    public void Images_of_a_chat_count_each_and_their_data_not_at_all()
    {
        var request = Chat($$"""[{"type":"text","text":"what?"},{"type":"image_url","image_url":{"url":"{{Url}}","detail":"low"} },{"type":"image_url","image_url":{"url":"https://example.org/a.png"} }]""");
        (request.HasMedia, request.MediaIsImages, request.Images, request.ImageBytes).ShouldBe((true, true, 2, 34));
        InputBound.Cheap("openai", "gpt-4o", request).ShouldBe(request.InputBytes - 34 + 2 * OfGpt4o);
        InputBound.Cheap("openai", "gpt-5.4", request).ShouldBeNull();
        InputBound.Cheap("mistral", "gpt-4o", request).ShouldBeNull();
    }

    [Fact]
    public void A_large_image_is_not_bound_by_its_bytes() =>
        InputBound.Cheap("openai", "gpt-4o", Chat($$"""[{"type":"image_url","image_url":{"url":"{{Large}}"} }]""")).ShouldNotBeNull().ShouldBeLessThan(2_000);

    [Theory]
    [InlineData("""[{"type":"text","text":"data:image/png;base64,iVBORw0KGgo="}]""")]
    [InlineData("""[{"type":"image_url","image_url":null,"url":"data:image/png;base64,iVBORw0KGgo="}]""")]
    [InlineData("""[{"type":"image_url","image_url":{"url":"https://a/data:image/png"}}]""")]
    [InlineData("""[{"type":"image_url","image_url":{"detail":"data:image/png;base64,iVBORw0KGgo="}}]""")]
    public void What_only_looks_like_an_image_is_text(string content) => Chat(content).ImageBytes.ShouldBe(0);

    [Theory]
    [InlineData("""[{"type":"image_url","image_url":{"url":"https://a/b.png"}},{"type":"input_audio","input_audio":{"data":"x","format":"wav"}}]""")]
    [InlineData("""[{"type":"image_url","image_url":{"url":"https://a/b.png"}},{"type":"file","file":{"file_id":"f"}}]""")]
    public void With_other_media_the_window_is_the_bound(string content) => InputBound.Cheap("openai", "gpt-4o", Chat(content)).ShouldBeNull();

    [Fact]
    public void Text_alone_is_bound_by_its_bytes()
    {
        var request = Chat("\"hello\"");
        InputBound.Cheap("openai", "gpt-6", request with { AddedTokens = 7 }).ShouldBe(request.InputBytes + 7);
    }

    [Fact]
    public void Images_of_a_response_count_each()
    {
        var request = Response($$"""{"model":"gpt-4o","input":[{"role":"user","content":[{"type":"input_text","text":"what?"},{"type":"input_image","image_url":"{{Url}}"},{"type":"input_image","file_id":"f"}]}]}""");
        InputBound.Cheap("openai", "gpt-4o", request).ShouldBe(request.InputBytes - 34 + 2 * OfGpt4o);
        foreach (var more in new[] { ",\"previous_response_id\":\"r\"", ",\"conversation\":\"c\"" })
            InputBound.Cheap("openai", "gpt-4o", Response($$"""{"model":"gpt-4o"{{more}},"input":[{"role":"user","content":[{"type":"input_image","image_url":"{{Url}}"}]}]}""")).ShouldBeNull();
        InputBound.Cheap("openai", "gpt-4o", Response("""{"model":"gpt-4o","input":[{"role":"user","content":[{"type":"input_image","file_id":"f"},{"type":"input_file","file_id":"f"}]}]}""")).ShouldBeNull();
    }

    [Theory]
    [InlineData("""{"type":"image","source":{"type":"base64","media_type":"image/png","data":"iVBORw0KGgo="}}""", true, 12)]
    [InlineData("""{"source":{"data":"iVBORw0KGgo=","media_type":"image/png","type":"base64"},"type":"image"}""", true, 12)]
    [InlineData("""{"type":"tool_result","tool_use_id":"t","content":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"iVBORw0KGgo="}}]}""", true, 12)]
    [InlineData("""{"type":"image","source":{"type":"url","url":"https://a/b.png"}}""", true, 0)]
    [InlineData("""{"type":"tool_use","id":"t","name":"n","input":{"type":"image","source":{"type":"base64","data":"text, not an image"}}}""", true, 0)]
    [InlineData("""{"type":"document","source":{"type":"text","media_type":"text/plain","data":"text"}}""", false, 0)]
    [InlineData("""{"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"JVBERi0="}}""", false, 8)]
    public void Images_of_a_message_count_each(string block, bool isImages, long bytes)
    {
        var body = Encoding.UTF8.GetBytes($$"""{"model":"claude-sonnet-4-5","max_tokens":10,"messages":[{"role":"user","content":[{{block}}]}]}""");
        var request = MessagesRequestReader.Read(body, default).Request.ShouldNotBeNull();
        (request.HasMedia, request.MediaIsImages, request.ImageBytes).ShouldBe((true, isImages, bytes));
        InputBound.Cheap("anthropic", "claude-sonnet-4-5", request).ShouldBe(isImages ? body.Length - bytes + 1600 : null);
    }

    private static ProviderRequest Chat(string content) =>
        ChatRequestReader.Read(Encoding.UTF8.GetBytes($$"""{"model":"gpt-4o","messages":[{"role":"user","content":{{content}}}]}""")).Request.ShouldNotBeNull();

    private static ProviderRequest Response(string body) => ResponsesRequestReader.Read(Encoding.UTF8.GetBytes(body)).Request.ShouldNotBeNull();
}
