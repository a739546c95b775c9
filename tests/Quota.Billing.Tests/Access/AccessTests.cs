using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Quota.Shared.Hosting;

namespace Quota.Billing.Tests.Access;

public sealed class AccessTests(SharedBillingApp shared) : IClassFixture<SharedBillingApp>
{
    /// <summary>All that answers without a key. A new entry here is a decision.</summary>
    private static readonly string[] Open = ["/healthz", "/readyz", "/webhooks/stripe"];

    private readonly BillingApp _app = shared.App;

    [Fact]
    public async Task Every_mapped_route_refuses_callers_without_a_key()
    {
        var routes = _app.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>().ToList();
        routes.Count.ShouldBeGreaterThan(20);
        foreach (var route in routes)
        {
            var text = "/" + route.RoutePattern.RawText!.TrimStart('/');
            if (route.Metadata.GetMetadata<IAllowAnonymous>() is not null)
            {
                Open.ShouldContain(text);
                continue;
            }
            var path = string.Join('/', route.RoutePattern.PathSegments.Select(segment => segment.IsSimple && segment.Parts[0] is Microsoft.AspNetCore.Routing.Patterns.RoutePatternLiteralPart literal
                ? literal.Content : Guid.Empty.ToString()));
            foreach (var method in route.Metadata.GetMetadata<IHttpMethodMetadata>()?.HttpMethods ?? ["GET"])
            {
                var answer = (await _app.Anonymous.SendAsync(new HttpMethod(method), "/" + path)).ShouldBe(401);
                answer.Text.ShouldBe("""{"status":401,"error":"Unauthorized"}""", $"{method} {text}");
            }
        }
    }

    [Theory]
    [InlineData("/")]
    [InlineData("/nothing")]
    [InlineData("/metrics")]
    [InlineData("/internal/v1/snapshot")]
    public async Task What_is_not_mapped_refuses_too(string path) => (await _app.Anonymous.SendAsync(HttpMethod.Get, path)).ShouldBe(401);

    [Theory]
    [InlineData("Bearer")]
    [InlineData("Bearer ")]
    [InlineData("Bearer wrong")]
    [InlineData("Basic YWRtaW46YWRtaW4=")]
    [InlineData(BillingApp.AdminKey)]
    public async Task Other_keys_and_schemes_are_refused(string header)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/api/v1/customers");
        request.Headers.TryAddWithoutValidation("Authorization", header);
        using var response = await _app.Anonymous.SendAsync(request);
        ((int)response.StatusCode).ShouldBe(401);
    }

    [Fact]
    public async Task A_key_opens_its_own_doors_only()
    {
        (await _app.Gateway.SendAsync(HttpMethod.Get, "/internal/v1/snapshot")).ShouldBe(200);
        (await _app.Gateway.SendAsync(HttpMethod.Get, "/api/v1/customers")).ShouldBe(403).At("code").ShouldBe("key_not_allowed");
        (await _app.Gateway.SendAsync(HttpMethod.Get, "/internal/v1/clock")).ShouldBe(403);
        (await _app.Admin.SendAsync(HttpMethod.Get, "/internal/v1/snapshot")).ShouldBe(403);
        (await _app.Admin.SendAsync(HttpMethod.Get, "/metrics")).ShouldBe(200).Text.ShouldContain("quota_billing");
        (await _app.Anonymous.SendAsync(HttpMethod.Get, "/healthz")).ShouldBe(200);
        (await _app.Anonymous.SendAsync(HttpMethod.Get, "/readyz")).ShouldBe(200);
    }

    [Fact]
    public async Task Made_keys_are_made_once_and_stay()
    {
        var output = new StringWriter();
        var stdout = Console.Out;
        Console.SetOut(output);
        try
        {
            await using var app = await BillingApp.StartAsync(new Dictionary<string, string?> { ["Bootstrap:AdminKey"] = null });
            await app.RestartAsync();
            var made = output.ToString().Split('\n').Single(line => line.StartsWith("Admin key", StringComparison.Ordinal)).Split(' ')[^1].Trim();
            app.Anonymous.DefaultRequestHeaders.Authorization = new("Bearer", made);
            (await app.Anonymous.SendAsync(HttpMethod.Get, "/api/v1/customers")).ShouldBe(200);
            (await app.ScalarAsync<string>("select string_agg(value, ' ') from installation")).ShouldNotContain(made);
        }
        finally
        {
            Console.SetOut(stdout);
        }
    }

    [Fact]
    public async Task Another_pepper_than_the_first_is_refused()
    {
        await using var app = await BillingApp.StartAsync();
        var error = await Should.ThrowAsync<SettingsException>(() => BillingApp.StartAsync(
            new Dictionary<string, string?> { ["Keys:Pepper"] = Convert.ToBase64String(new byte[32]) }, app.ConnectionString));
        error.Message.ShouldContain("Keys__Pepper");
        NpgsqlConnection.ClearAllPools();
    }
}
