using System.Text;
using Quota.Gateway.Providers;
using Quota.Gateway.Providers.OpenAi;
using Quota.TestKit;

namespace Quota.Gateway.Tests.Providers.OpenAi;

/// <summary>Providers that copy OpenAI: requests in their words, usage and costs in theirs. Counts of recorded answers are in <see cref="RecordingsTests"/>.</summary>
public sealed class OpenAiLikeTests
{
    private const string Stream = ",\"stream_options\":{\"include_usage\":true}";

    [Theory]
    [InlineData("openai", """{"model":"m","stream":true""" + Stream + ""","max_completion_tokens":9}""", true)]
    [InlineData("xai", """{"model":"m","stream":true""" + Stream + ""","max_completion_tokens":9}""", true)]
    [InlineData("deepseek", """{"model":"m","stream":true""" + Stream + ""","max_tokens":9}""", true)]
    [InlineData("ollama", """{"model":"m","stream":true""" + Stream + ""","max_tokens":9}""", true)]
    [InlineData("mistral", """{"model":"m","stream":true,"max_tokens":9}""", false)]
    [InlineData("openrouter", """{"model":"m","stream":true,"max_tokens":9}""", false)]
    [InlineData("fireworks_ai", """{"model":"m","stream":true,"max_tokens":9}""", false)]
    [InlineData("groq", """{"model":"m","stream":true,"max_completion_tokens":9}""", false)]
    [InlineData("nobody-knows-it", """{"model":"m","stream":true""" + Stream + ""","max_completion_tokens":9}""", true)]
    public void Usage_is_asked_for_and_a_bound_put_in_as_each_knows_it(string provider, string sent, bool hides)
    {
        var request = OpenAiLike.Of(provider).Prepare(Read("""{"model":"m","stream":true}"""));
        (Sent(request, 9), request.HidesUsage).ShouldBe((sent, hides));
    }

    [Theory]
    [InlineData("deepseek", """{"model":"m","max_completion_tokens":5}""", """{"model":"m","max_tokens":5}""")]   // it passes over the newer word: nothing would bound the answer
    [InlineData("mistral", """{"max_completion_tokens" : 5,"model":"m","messages":[{"max_completion_tokens":7}]}""", """{"max_tokens" : 5,"model":"m","messages":[{"max_completion_tokens":7}]}""")]
    [InlineData("deepseek", """{"model":"m","max_tokens":4,"max_completion_tokens":5}""", """{"model":"m","max_tokens":4,"max_completion_tokens":5}""")]
    [InlineData("deepseek", """{"model":"m","max_tokens":null,"max_completion_tokens":5}""", """{"model":"m","max_tokens":5,"max_completion_tokens":5}""")]
    [InlineData("deepseek", """{"model":"m","max_tokens":5}""", """{"model":"m","max_tokens":5}""")]
    [InlineData("groq", """{"model":"m","max_completion_tokens":5}""", """{"model":"m","max_completion_tokens":5}""")]
    [InlineData("xai", """{"model":"m","max_tokens":5}""", """{"model":"m","max_tokens":5}""")]
    public void A_bound_of_the_client_binds_there(string provider, string body, string sent)
    {
        var request = Read(body);
        request.OutputBound.ShouldBe(5);
        Sent(OpenAiLike.Of(provider).Prepare(request), null).ShouldBe(sent);
    }

    [Theory]
    [InlineData("{\"model\":\"m\",\"max_completion_tokens\":null,\"max_tokens\":null}", "{\"model\":\"m\",\"max_completion_tokens\":null,\"max_tokens\":7}")]
    [InlineData("{\"max_tokens\":null,\"model\":\"m\",\"max_completion_tokens\":null}", "{\"max_tokens\":7,\"model\":\"m\",\"max_completion_tokens\":null}")]
    [InlineData("{\"model\":\"m\",\"max_completion_tokens\":null}", "{\"model\":\"m\",\"max_tokens\":7}")]
    [InlineData("{\"model\":\"m\",\"max_tokens\":null}", "{\"model\":\"m\",\"max_tokens\":7}")]
    public void No_null_behind_it_undoes_a_bound_of_ours(string body, string sent)
    {
        var request = OpenAiLike.Of("mistral").Prepare(ChatRequestReader.Read(System.Text.Encoding.UTF8.GetBytes(body)).Request!);
        using var stream = request.BodyWith(7).OpenRead();
        new StreamReader(stream).ReadToEnd().ShouldBe(sent);
    }

    [Fact]
    public void A_form_is_left_alone()
    {
        var body = "--x\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nm\r\n--x--"u8.ToArray();
        var request = new ProviderRequest
        {
            Model = "m", Stream = false, InputBytes = body.Length, HasMedia = true, Images = 0, OutputBound = 100, Choices = 1, Body = new SplicedBody(body), BoundPlace = null,
        };
        OpenAiLike.Of("mistral").Prepare(request).Body.Edits.Length.ShouldBe(0);
    }

    [Theory]
    [InlineData("xai", """{"prompt_tokens":1,"cost_in_usd_ticks":37756000}""", "0.0037756")]   // docs.x.ai/developers/cost-tracking: 10^10 ticks are a dollar
    [InlineData("xai", """{"prompt_tokens":1}""", null)]
    [InlineData("xai", """{"prompt_tokens":1,"cost_in_usd_ticks":-5}""", null)]
    [InlineData("openrouter", """{"prompt_tokens":1,"cost":0.00014,"is_byok":false,"cost_details":{"upstream_inference_cost":0.00014}}""", "0.00014")]
    [InlineData("openrouter", """{"prompt_tokens":1,"cost":0.95,"is_byok":true,"cost_details":{"upstream_inference_cost":19}}""", "19.95")]
    [InlineData("openrouter", """{"prompt_tokens":1,"cost":1.5e-05}""", "0.000015")]
    [InlineData("openrouter", """{"prompt_tokens":1,"cost":"0.1"}""", null)]
    [InlineData("perplexity", """{"prompt_tokens":1,"cost":{"request_cost":0.005,"total_cost":0.0061}}""", "0.0061")]
    [InlineData("perplexity", """{"prompt_tokens":1,"cost":0.1}""", null)]
    [InlineData("openai", """{"prompt_tokens":1,"cost":0.1}""", null)]
    public void What_a_call_cost_is_the_providers_word(string provider, string usage, string? dollars)
    {
        var like = OpenAiLike.Of(provider);
        foreach (var reader in new UsageReader[] { new JsonUsage(like.Usage, like.Cost), new ChatStreamUsage(hidesUsage: false, 1, like) })
        {
            var text = $$"""{"model":"m","choices":[],"usage":{{usage}}}""";
            reader.Feed(Encoding.UTF8.GetBytes(reader is JsonUsage ? text : $"data: {text}\n\n"), null);
            reader.ProviderCost.ShouldBe(dollars is null ? null : decimal.Parse(dollars, System.Globalization.CultureInfo.InvariantCulture));
            reader.Usage.ShouldNotBeNull();
        }
    }

    [Theory]
    [InlineData("openai", """{"prompt_tokens":100,"completion_tokens":40,"prompt_tokens_details":{"audio_tokens":60,"cached_tokens":10},"completion_tokens_details":{"audio_tokens":30}}""", 100, 10, 40, 60L, 30L)]
    [InlineData("openrouter", """{"prompt_tokens":10,"completion_tokens":4}""", 10, 0, 4, null, null)]
    [InlineData("deepseek", """{"prompt_tokens":10,"completion_tokens":4,"prompt_cache_hit_tokens":11}""", 10, 0, 4, null, null)]   // more than there is: none
    public void Counts_are_the_providers(string provider, string usage, long input, long cached, long output, long? audioInput, long? audioOutput)
    {
        var counts = OpenAiLike.Of(provider).Usage(Encoding.UTF8.GetBytes(usage)).ShouldNotBeNull();
        (counts.InputTokens, counts.CachedInputTokens, counts.OutputTokens, counts.AudioInputTokens, counts.AudioOutputTokens).ShouldBe((input, cached, output, audioInput, audioOutput));
    }

    [Theory]
    [InlineData("openai", """{"prompt_tokens":10,"completion_tokens":4,"prompt_tokens_details":{"audio_tokens":11}}""")]
    [InlineData("openrouter", """{"prompt_tokens":10,"completion_tokens":4,"prompt_tokens_details":{"cached_tokens":6,"cache_write_tokens":5}}""")]
    [InlineData("perplexity", """{"completion_tokens":4}""")]
    [InlineData("mistral", """[]""")]
    [InlineData("deepseek", """{"prompt_tokens":-1}""")]
    public void Counts_that_cannot_be_are_none(string provider, string usage) => OpenAiLike.Of(provider).Usage(Encoding.UTF8.GetBytes(usage)).ShouldBeNull();

    [Theory]
    [InlineData("search_parameters", """{"mode":"auto"}""", true)]
    [InlineData("search_parameters", """{}""", true)]
    [InlineData("search_parameters", """{"mode":"off"}""", false)]
    [InlineData("search_parameters", "null", false)]
    [InlineData("plugins", """[{"id":"web"}]""", true)]
    [InlineData("models", """["a/b","c/d"]""", true)]
    [InlineData("compound_custom", """{"tools":{}}""", true)]
    [InlineData("metadata", """{"models":["a"]}""", false)]
    public void What_they_bill_beside_tokens_is_refused_by_name(string field, string value, bool isRefused)
    {
        var reading = ChatRequestReader.Read(Encoding.UTF8.GetBytes($$"""{"model":"m","{{field}}":{{value}},"messages":[]}"""));
        if (isRefused)
            reading.Refusal.ShouldBeOfType<Refusal.BadRequest>().Parameter.ShouldBe(field);
        else
            reading.Request.ShouldNotBeNull();
    }

    [Theory]
    [InlineData("mistral-small", true)]
    [InlineData("deepseek-chat", true)]
    [InlineData("deepseek-chat", false)]
    public async Task A_call_without_a_bound_gets_the_largest_that_fits_in_the_upstreams_word(string model, bool stream)
    {
        await using var scene = await LimitScene.StartAsync("- { code: out, scope: acme, meter: output_tokens, amount: \"700\", window: { kind: day } }");
        var answer = await scene.PostAsync(LimitScene.Ada, "hello reply:5", stream ? ",\"stream\":true" : "", model);
        (answer.Status, answer.Header("x-quota-clamped")).ShouldBe((System.Net.HttpStatusCode.OK, "700"), answer.Text);
        scene.Provider.Served.Entries().Single().Bound.ShouldBe(700);
        var it = (await scene.Gateway.EventsAsync(1)).Single();
        it.GetProperty("provider").GetString().ShouldBe(model.Split('-')[0]);
        if (!model.StartsWith("mistral", StringComparison.Ordinal))   // the stand-in tells streamed usage only when asked, as Mistral does not
            it.GetProperty("usage").GetProperty("output_tokens").GetInt64().ShouldBe(5);
    }

    private static ProviderRequest Read(string body) => ChatRequestReader.Read(Encoding.UTF8.GetBytes(body)).Request.ShouldNotBeNull();

    private static string Sent(ProviderRequest request, long? bound)
    {
        using var stream = new StreamReader(request.BodyWith(bound).OpenRead());
        return stream.ReadToEnd();
    }
}
