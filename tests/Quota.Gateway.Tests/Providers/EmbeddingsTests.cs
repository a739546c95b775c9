using System.Globalization;
using System.Net;
using System.Text;
using Quota.Gateway.Providers;
using Quota.Gateway.Providers.OpenAi;

namespace Quota.Gateway.Tests.Providers;

/// <summary>Embeddings: input only, as text or as tokens.</summary>
public sealed class EmbeddingsTests
{
    [Theory]
    [InlineData("""{"model":"text-embedding-3-small","input":"one two three"}""", 3)]
    [InlineData("""{"input":["one two","three four five"],"model":"text-embedding-3-small","encoding_format":"float","dimensions":256}""", 5)]
    [InlineData("""{"model":"text-embedding-3-small","input":[1,2,3,4,5,6,7]}""", 7)]
    [InlineData("""{"model":"text-embedding-3-small","input":[[11,22],[33]]}""", 3)]
    public async Task A_call_is_one_event_with_its_input(string body, long tokens)
    {
        await using var scene = await LimitScene.StartAsync("""
            - { code: month, scope: acme, meter: spend, amount: "1", window: { kind: month } }
            - { code: texts, scope: acme, meter: input_tokens, amount: "1000", window: { kind: day }, selector: { endpoints: [embeddings] } }
            - { code: chats, scope: acme, meter: requests, amount: "10", window: { kind: day }, selector: { endpoints: [chat] } }
            """);
        var answer = await scene.SendAsync("/v1/embeddings", body, LimitScene.Ada);
        answer.Status.ShouldBe(HttpStatusCode.OK, answer.Text);
        answer.Json.GetProperty("usage").GetProperty("prompt_tokens").GetInt64().ShouldBe(tokens);
        var it = (await scene.Gateway.EventsAsync(1)).Single();
        var usage = it.GetProperty("usage");
        (usage.GetProperty("input_tokens").GetInt64(), usage.GetProperty("output_tokens").GetInt64(), it.GetProperty("estimated").GetBoolean()).ShouldBe((tokens, 0, false));
        decimal.Parse(it.GetProperty("cost").GetString()!, CultureInfo.InvariantCulture).ShouldBe(tokens / 1_000_000m);
        await scene.SettledAsync("texts", tokens);
        (await scene.StandingAsync("chats")).Used.ShouldBe(0);
    }

    [Theory]
    [InlineData("[]", null)]
    [InlineData("""{"input":"a"}""", "model")]
    [InlineData("""{"model":7,"input":"a"}""", "model")]
    [InlineData("""{"model":"m"}""", "input")]
    [InlineData("""{"model":"m","input":7}""", "input")]
    [InlineData("""{"model":"m","input":"a","model":"n"}""", "model")]
    [InlineData("""{"model":"m","input":"a","input":"b"}""", "input")]
    [InlineData("""{"model":"m","input":"a"} x""", null)]
    public void It_refuses_by_name(string body, string? field) =>
        EmbeddingsRequestReader.Read(Encoding.UTF8.GetBytes(body)).Refusal.ShouldBeOfType<Refusal.BadRequest>().Parameter.ShouldBe(field);
}
