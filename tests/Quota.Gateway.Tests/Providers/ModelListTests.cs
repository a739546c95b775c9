using System.Net;

namespace Quota.Gateway.Tests.Providers;

/// <summary>The models that a key may use, in the words of the client's own provider.</summary>
public sealed class ModelListTests
{
    [Fact]
    public async Task A_key_sees_what_its_calls_would_reach()
    {
        await using var scene = await LimitScene.StartAsync("- { code: rpm, scope: acme, meter: requests, amount: \"100\", window: { kind: day } }");
        static string[] Ids(Answer answer) => [.. answer.Json.GetProperty("data").EnumerateArray().Select(model => model.GetProperty("id").GetString()!)];
        (string, string) bearer = ("Authorization", "Bearer " + LimitScene.Ada), guest = ("x-api-key", LimitScene.Guest), version = ("anthropic-version", "2023-06-01");

        string[] chats = [.. Ids(await scene.GetAsync("/v1/models", bearer)).Where(id => id is "gpt-4o" or "gpt-4o-mini" or "text-embedding-3-small" or "claude-plain")];
        chats.ShouldBe(["gpt-4o", "gpt-4o-mini", "text-embedding-3-small"]);
        Ids(await scene.GetAsync("/v1/models", ("Authorization", "Bearer " + LimitScene.Guest))).ShouldAllBe(id => id.StartsWith("gpt-4o-"));
        Ids(await scene.GetAsync("/v1/models", ("x-api-key", LimitScene.Ada), version)).ShouldBe(["claude-cached", "claude-plain"]);
        var one = await scene.GetAsync("/v1/models", guest, version);
        Ids(one).ShouldBe(["claude-plain"]);
        (one.Json.GetProperty("has_more").GetBoolean(), one.Json.GetProperty("last_id").GetString()).ShouldBe((false, "claude-plain"));

        (await scene.GetAsync("/v1/models/gpt-4o", bearer)).Json.GetProperty("object").GetString().ShouldBe("model");
        (await scene.GetAsync("/v1/models/claude-plain", guest, version)).Json.GetProperty("type").GetString().ShouldBe("model");
        var hidden = await scene.GetAsync("/v1/models/gpt-4o", ("Authorization", "Bearer " + LimitScene.Guest));
        (hidden.Status, hidden.Code).ShouldBe((HttpStatusCode.NotFound, "model_not_found"));
        (await scene.GetAsync("/v1/models")).Code.ShouldBe("invalid_api_key");
        (await scene.GetAsync("/v1/files", bearer)).Code.ShouldBe("unknown_url");
        (await scene.StandingAsync("rpm")).Used.ShouldBe(0);   // looking costs nothing
    }
}
