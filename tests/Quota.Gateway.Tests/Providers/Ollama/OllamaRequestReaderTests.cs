using System.Text;
using Quota.Gateway.Providers;
using Quota.Gateway.Providers.Ollama;

namespace Quota.Gateway.Tests.Providers.Ollama;

/// <summary>What bounds a request of Ollama's, and where a bound goes in.</summary>
public sealed class OllamaRequestReaderTests
{
    [Fact]
    public void It_streams_unless_told_not_to()
    {
        Read("""{"model":"m","messages":[]}""").Stream.ShouldBeTrue();
        Read("""{"model":"m","stream":null}""").Stream.ShouldBeTrue();
        Read("""{"model":"m","stream":false}""").Stream.ShouldBeFalse();
        Read("""{"model":"m","STREAM":false}""").Stream.ShouldBeFalse();   // Go's encoding/json finds fields in any case
        Read("""{"model":"m","input":"a"}""", isEmbedding: true).Stream.ShouldBeFalse();
    }

    [Theory]
    [InlineData("""{"model":"m"}""", """{"model":"m","options":{"num_predict":9}}""")]
    [InlineData("""{"options":null,"model":"m"}""", """{"options":{"num_predict":9},"model":"m"}""")]
    [InlineData("""{"model":"m","options":{}}""", """{"model":"m","options":{"num_predict":9}}""")]
    [InlineData("""{"model":"m","Options":{"seed":1}}""", """{"model":"m","Options":{"num_predict":9,"seed":1}}""")]
    [InlineData("""{"model":"m","options":{"num_predict":-1,"seed":1}}""", """{"model":"m","options":{"num_predict":9,"seed":1}}""")]   // -1: no end, -2: to the end of the context
    [InlineData("""{"model":"m","options":{"num_predict":-2}}""", """{"model":"m","options":{"num_predict":9}}""")]
    [InlineData("""{"model":"m","options":{"seed":1,"num_predict":0}}""", """{"model":"m","options":{"seed":1,"num_predict":9}}""")]
    [InlineData("""{"model":"m","options":{"num_predict":null}}""", """{"model":"m","options":{"num_predict":9}}""")]
    public void A_bound_is_put_in_where_there_is_none(string body, string sent)
    {
        var request = Read(body);
        request.OutputBound.ShouldBeNull();
        using var stream = new StreamReader(request.BodyWith(9).OpenRead());
        stream.ReadToEnd().ShouldBe(sent);
    }

    [Fact]
    public void It_says_what_bounds_the_call()
    {
        var bounded = Read("""{"model":"m","options":{"num_predict":64}}""");
        (bounded.OutputBound, bounded.BoundPlace).ShouldBe((64, null));
        Read("""{"model":"m","input":["a","b"]}""", isEmbedding: true).OutputBound.ShouldBe(0);
        var chat = Read("""{"model":"m","messages":[{"role":"user","content":"images","images":["aGk=","aGk="]},{"role":"user","images":["aGk="],"tool_calls":[{"function":{"arguments":{"images":["x"]}}}]}]}""");
        (chat.Images, chat.HasMedia, chat.HasImages).ShouldBe((3, true, true));
        (Read("""{"model":"m","prompt":"a","Images":["aGk="]}""") is { Images: 1, HasMedia: true }).ShouldBeTrue();
        (Read("""{"model":"m","prompt":"a","images":null}""") is { Images: 0, HasMedia: false }).ShouldBeTrue();
        (Read("""{"model":"m","tools":[{"type":"function"}]}""").AddedTokens - Read("""{"model":"m","tools":null}""").AddedTokens).ShouldBe(1_000);
    }

    [Theory]
    [InlineData("llama3.2", "llama3.2")]
    [InlineData("llama3.2:latest", "llama3.2")]
    [InlineData("library/llama3.2", "llama3.2")]
    [InlineData("registry.ollama.ai/library/llama3.2:latest", "llama3.2")]
    [InlineData("llama3.2:1b", "llama3.2:1b")]
    [InlineData("example/model", "example/model")]
    public void A_model_has_one_name(string said, string model)
    {
        var request = Read($$"""{"model":"{{said}}","prompt":"a"}""");
        request.Model.ShouldBe(model);
        using var stream = new StreamReader(request.Naming(model).BodyWith(null).OpenRead());
        stream.ReadToEnd().ShouldContain($"\"{said}\"");   // and goes out as it came
    }

    [Theory]
    [InlineData("""[]""", null)]
    [InlineData("""{"model":"m"} x""", null)]
    [InlineData("""{"prompt":"a"}""", "model")]
    [InlineData("""{"model":7}""", "model")]
    [InlineData("""{"model":"m","MODEL":"n"}""", "model")]
    [InlineData("""{"model":"m","\u006dodel":"n"}""", "model")]
    [InlineData("""{"model":"m","stream":"no"}""", "stream")]
    [InlineData("""{"model":"m","stream":true,"ſtream":false}""", "stream")]
    [InlineData("""{"model":"m","options":{},"optionS":{"num_predict":1}}""", "options")]
    [InlineData("""{"model":"m","options":[]}""", "options")]
    [InlineData("""{"model":"m","options":{"num_predict":1,"num_predict":-1}}""", "num_predict")]
    [InlineData("""{"model":"m","options":{"num_predict":"9"}}""", "num_predict")]
    [InlineData("""{"model":"m","options":{"num_predict":1.5}}""", "num_predict")]
    [InlineData("""{"model":"m","options":{"num_predict":99999999999}}""", "num_predict")]
    public void It_refuses_by_name(string body, string? field) =>
        OllamaRequestReader.Read(Encoding.UTF8.GetBytes(body), isEmbedding: false).Refusal.ShouldBeOfType<Refusal.BadRequest>().Parameter.ShouldBe(field);

    private static ProviderRequest Read(string body, bool isEmbedding = false) => OllamaRequestReader.Read(Encoding.UTF8.GetBytes(body), isEmbedding).Request.ShouldNotBeNull();
}
