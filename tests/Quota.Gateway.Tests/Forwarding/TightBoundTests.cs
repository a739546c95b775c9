using System.Net;
using Quota.TestKit;

namespace Quota.Gateway.Tests.Forwarding;

/// <summary>Near a limit the input is counted by the model's tokenizer before the call is refused for its bytes.</summary>
public sealed class TightBoundTests
{
    [Fact]
    public async Task A_call_that_does_not_fit_by_its_bytes_runs_when_it_fits_by_its_tokens()
    {
        await using var scene = await LimitScene.StartAsync("- { code: day, scope: acme, meter: total_tokens, amount: \"900\", window: { kind: day } }");
        var words = string.Join(' ', Enumerable.Repeat("understanding", 100)) + " reply:3";   // 1,400 bytes, about 110 tokens
        Answer answer = null!;
        await Eventually.TrueAsync("the tokenizer is loaded and the call runs", async () =>
        {
            answer = await scene.PostAsync(LimitScene.Ada, words, more: ",\"max_tokens\":5");
            return answer.Status != HttpStatusCode.BadRequest;   // never fits, by its bytes
        });
        answer.Status.ShouldBe(HttpStatusCode.OK, answer.Text);
        await scene.SettledAsync("day", 104);
        (await scene.StandingAsync("day")).Over.ShouldBe(0);

        (await scene.PostAsync(LimitScene.Ada, string.Join(' ', Enumerable.Repeat("understanding", 900)), more: ",\"max_tokens\":5")).Status.ShouldBe(HttpStatusCode.BadRequest, "it has more tokens than the limit, too");
    }
}
