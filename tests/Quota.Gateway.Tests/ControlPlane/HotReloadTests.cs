using System.Net;
using static Quota.Gateway.Tests.StandaloneGateway;
using Quota.TestKit;

namespace Quota.Gateway.Tests.ControlPlane;

/// <summary>A changed file takes effect without a restart, forgets no usage, and a wrong one changes nothing.</summary>
public sealed class HotReloadTests : IAsyncLifetime
{
    private readonly StandaloneGateway _gateway = new();

    public ValueTask InitializeAsync() => _gateway.InitializeAsync();

    public ValueTask DisposeAsync() => _gateway.DisposeAsync();

    private async Task<HttpStatusCode> StatusAsync(string key)
    {
        using var response = await _gateway.PostAsync(key, Chat("hello reply:1", ",\"max_tokens\":10"));
        return response.StatusCode;
    }

    [Fact]
    public async Task Limits_and_keys_change_on_the_next_request()
    {
        (await StatusAsync(Ada)).ShouldBe(HttpStatusCode.OK);
        var before = Yaml(_gateway.Provider);
        await File.WriteAllTextAsync(_gateway.Process.QuotaFile, before.Replace("code: research-month, scope: acme/research, meter: spend, amount: \"50.00\"", "code: research-cap, scope: acme/research, meter: spend, amount: \"0.000000001\"", StringComparison.Ordinal));
        await Eventually.TrueAsync("the lower limit refuses", async () => await StatusAsync(Ada) == HttpStatusCode.BadRequest);
        (await _gateway.StandingAsync("research-cap")).Used.ShouldBeGreaterThan(0m);   // renamed and lowered, yet it is the same counter

        await File.WriteAllTextAsync(_gateway.Process.QuotaFile, "upstreams: [ this is wrong");
        await Eventually.TrueAsync("the mistake is logged", () => _gateway.Process.Process.Output.Contains("has mistakes", StringComparison.Ordinal));
        (await StatusAsync(Ada)).ShouldBe(HttpStatusCode.BadRequest);

        await File.WriteAllTextAsync(_gateway.Process.QuotaFile, before.Replace(Bob, "qk_test_bob_another_secret", StringComparison.Ordinal));
        await Eventually.TrueAsync("the old limit is back", async () => await StatusAsync(Ada) == HttpStatusCode.OK);
        (await StatusAsync(Bob)).ShouldBe(HttpStatusCode.Unauthorized);
    }
}
