using System.Net.Http.Headers;
using System.Text.Json;
using Quota.TestKit;

namespace Quota.EndToEnd.Tests.NothingLost;

/// <summary>The core's API, for the one org of these proofs: three users in two teams, and limits on org, team and user.</summary>
internal sealed class WitnessOrg : IDisposable
{
    public static readonly IReadOnlyList<string> Users = ["research/ada", "research/bob", "product/eve"];

    private readonly HttpClient _http;
    private readonly Dictionary<string, string> _keys = [];

    private WitnessOrg(string url)
    {
        _http = new HttpClient { BaseAddress = new Uri(url), Timeout = TimeSpan.FromSeconds(20) };
        _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", CoreProcess.AdminKey);
    }

    public string KeyOf(string user) => _keys[user];

    public static async Task<WitnessOrg> MakeAsync(string coreUrl)
    {
        var org = new WitnessOrg(coreUrl);
        await org.SendAsync(HttpMethod.Post, "/api/v1/customers", """{"customer":{"external_id":"acme","name":"Acme Inc.","currency":"USD","timezone":"UTC"}}""");
        await org.SendAsync(HttpMethod.Put, "/api/v1/prices/openai/gpt-4o-mini",
            """{"price":{"input":"0.15","cached_input":"0.075","output":"0.60","max_input_tokens":128000,"max_output_tokens":16384,"currency":"USD"}}""");
        await org.SubscribeAsync();
        foreach (var user in Users)
        {
            var (team, name) = (user.Split('/')[0], user.Split('/')[1]);
            await org.SendAsync(HttpMethod.Post, "/api/v1/customers/acme/teams", $$$"""{"team":{"external_id":"{{{team}}}","name":"{{{team}}}"}}""");
            await org.SendAsync(HttpMethod.Post, "/api/v1/customers/acme/users", $$$"""{"user":{"external_id":"{{{name}}}","external_team_id":"{{{team}}}"}}""");
            var key = await org.SendAsync(HttpMethod.Post, "/api/v1/api_keys",
                $$$"""{"api_key":{"external_customer_id":"acme","external_team_id":"{{{team}}}","external_user_id":"{{{name}}}","external_subscription_id":"acme-main","name":"{{{name}}}"}}""");
            org._keys[user] = key.GetProperty("api_key").GetProperty("secret").GetString()!;
        }
        await org.LimitAsync("acme-spend", "acme", "spend", "1000", "month");
        await org.LimitAsync("acme-tokens", "acme", "total_tokens", "1000000000", "lifetime");
        await org.LimitAsync("research-output", "acme/research", "output_tokens", "100000000", "month");
        await org.LimitAsync("ada-requests", "acme/research/ada", "requests", "10000000", "month");
        await org.LimitAsync("eve-requests", "acme/product/eve", "requests", "150", "lifetime");   // she is refused soon, and goes on asking
        return org;
    }

    public Task LimitAsync(string code, string scope, string meter, string amount, string window)
    {
        var nodes = scope.Split('/').Zip(["external_customer_id", "external_team_id", "external_user_id"], (name, field) => $"\"{field}\":\"{name}\"").ToArray();
        var node = string.Join(',', nodes.Length == 3 ? [nodes[0], nodes[2]] : nodes);
        return SendAsync(HttpMethod.Post, "/api/v1/limits",
            $$$"""{"limit":{"code":"{{{code}}}","scope":{ {{{node}}} },"meter":"{{{meter}}}","amount":"{{{amount}}}",{{{(meter == "spend" ? "\"currency\":\"USD\"," : "")}}}"window":{"kind":"{{{window}}}"},"mode":"hard"}}""");
    }

    /// <summary>Units by metric in the current period.</summary>
    public async Task<Dictionary<string, decimal>> UsageAsync() =>
        (await SendAsync(HttpMethod.Get, "/api/v1/customers/acme/current_usage?external_subscription_id=acme-main")).GetProperty("customer_usage").GetProperty("charges_usage").EnumerateArray()
            .ToDictionary(charge => charge.GetProperty("billable_metric").GetProperty("code").GetString()!, charge => Product.Number(charge.GetProperty("units")));

    public async Task<JsonElement> SendAsync(HttpMethod method, string path, string? body = null)
    {
        using var request = new HttpRequestMessage(method, path) { Content = body is null ? null : new StringContent(body, null, "application/json") };
        using var response = await _http.SendAsync(request);
        var text = await response.Content.ReadAsStringAsync();
        return response.IsSuccessStatusCode
            ? text.Length == 0 ? default : JsonElement.Parse(text)
            : throw new HttpRequestException($"{method} {path} answered {(int)response.StatusCode}: {text}");
    }

    public void Dispose() => _http.Dispose();

    private async Task SubscribeAsync()
    {
        List<string> charges = [];
        foreach (var code in new[] { "requests", "input_tokens", "output_tokens" })
        {
            var metric = await SendAsync(HttpMethod.Post, "/api/v1/billable_metrics",
                $$$"""{"billable_metric":{"name":"{{{code}}}","code":"{{{code}}}","event_code":"llm.request","aggregation_type":"sum_agg","field_name":"{{{code}}}"}}""");
            charges.Add($$"""{"billable_metric_id":"{{metric.GetProperty("billable_metric").GetProperty("lago_id").GetString()}}","charge_model":"standard","properties":{"amount":"0.0001"} }""");
        }
        await SendAsync(HttpMethod.Post, "/api/v1/plans",
            $$$"""{"plan":{"name":"Scale","code":"scale","interval":"monthly","amount_cents":0,"amount_currency":"USD","pay_in_advance":false,"charges":[{{{string.Join(',', charges)}}}]}}""");
        await SendAsync(HttpMethod.Post, "/api/v1/subscriptions",
            $$$"""{"subscription":{"external_customer_id":"acme","plan_code":"scale","external_id":"acme-main","billing_time":"calendar","subscription_at":"{{{TimeProvider.System.GetUtcNow():yyyy-MM}}}-01T00:00:00Z"}}""");
    }
}
