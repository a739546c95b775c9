using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Quota.Gateway.Providers;
using Quota.Gateway.Providers.Azure;
using Quota.Shared.ControlPlane;

namespace Quota.Gateway.Tests.Providers.Azure;

/// <summary>What differs at Azure: the path names the model, versions have dates, errors have a code.</summary>
public sealed class AzureAdapterTests
{
    private static readonly AzureAdapter Adapter = new();

    [Fact]
    public void Every_route_is_of_a_kind_that_limits_can_select() => Adapter.Routes.ShouldAllBe(route => LimitSelector.EndpointKinds.Contains(route.Kind));

    [Fact]
    public void The_paths_deployment_counts_whatever_the_body_says()
    {
        foreach (var body in new[] { """{"messages":[]}""", """{"model":"gpt-9","messages":[]}""" })
        {
            var request = Read("/chat/completions", body, "mini").Request.ShouldNotBeNull();
            (request.Model, request.ModelAt).ShouldBe(("mini", null));
            SplicedBodyTests.Text(request.Naming("other").Body).ShouldBe(body);
        }
        Read("/completions", """{"prompt":"a"}""", "mini").Request!.Model.ShouldBe("mini");
        Read("/embeddings", """{"input":"a"}""", "mini").Request!.Model.ShouldBe("mini");
        Read("/images/generations", """{"prompt":"a"}""", "mini").Request!.Model.ShouldBe("mini");
        Read("/audio/speech", """{"input":"a"}""", "mini").Request!.Model.ShouldBe("mini");
        Adapter.Routes.Count(route => route.StreamsBody).ShouldBe(2);
        ((IProviderAdapter)Adapter).PathFor(TargetOf("/chat/completions", "mini"), "a b").ShouldBe("/openai/deployments/a%20b/chat/completions");
    }

    [Theory]
    [InlineData("?api-version=2024-10-21", true)]
    [InlineData("?api-version=2024-09-01-preview", true)]
    [InlineData("?api-version=preview", true)]
    [InlineData("?api-version=2024-06-01", false)]
    [InlineData("", false)]
    public void Older_versions_are_asked_in_older_words(string query, bool isNew)
    {
        var request = Read("/chat/completions", """{"messages":[],"stream":true}""", "mini", query).Request.ShouldNotBeNull();
        var sent = Adapter.Prepare(request, new Upstream("azure", "azure", new Uri("http://a"), "", ["*"]));
        SplicedBodyTests.Text(sent.BodyWith(7)).ShouldBe(isNew
            ? """{"messages":[],"stream":true,"stream_options":{"include_usage":true},"max_completion_tokens":7}"""
            : """{"messages":[],"stream":true,"max_tokens":7}""");
        sent.HidesUsage.ShouldBe(isNew);
    }

    [Fact]
    public void Audio_is_bounded_by_the_length_that_is_announced()
    {
        var target = TargetOf("/audio/transcriptions", "whisper");
        var request = Adapter.ReadRequest(target, default, new HeaderDictionary { ContentLength = 75_000 }).Request.ShouldNotBeNull();
        (request.Model, request.Seconds, request.InputBytes).ShouldBe(("whisper", 100, 75_000));
    }

    [Fact]
    public void Refusals_have_a_code_and_a_message()
    {
        void Expect(Refusal refusal, int status, string code)
        {
            var answer = AzureRefusals.Answer(refusal);
            var error = JsonElement.Parse(answer.Body).GetProperty("error");
            (answer.Status, error.GetProperty("code").GetString(), answer.IdHeader).ShouldBe((status, code, "apim-request-id"));
            error.GetProperty("message").GetString().ShouldNotBeNullOrEmpty();
        }
        Expect(new Refusal.BadKey(), 401, "401");
        Expect(new Refusal.ModelNotAllowed("m"), 403, "model_not_allowed");
        Expect(new Refusal.UnknownModel("m"), 404, "DeploymentNotFound");
        Expect(new Refusal.UnknownRoute("POST", "/openai/files"), 404, "404");
        Expect(new Refusal.BadRequest("n", "wrong"), 400, "BadRequest");
        Expect(new Refusal.BodyTooLarge(5), 413, "413");
        Expect(new Refusal.Unavailable("limiter", "no", 1), 503, "limiter_unavailable");
        Expect(new Refusal.UpstreamUnreachable(), 502, "upstream_unreachable");
        Expect(new Refusal.UpstreamSilent(), 504, "Timeout");
    }

    private static CallTarget TargetOf(string path, string model, string query = "?api-version=2024-10-21") =>
        new(Adapter.Routes.Single(route => route.Template == "/openai/deployments/{model}" + path), model, query);

    private static RequestReading Read(string path, string body, string model, string query = "?api-version=2024-10-21") =>
        Adapter.ReadRequest(TargetOf(path, model, query), Encoding.UTF8.GetBytes(body), new HeaderDictionary());
}
