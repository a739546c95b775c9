using System.Text.Json.Nodes;

namespace Quota.Local.Seeding;

/// <summary>The request bodies of the demo org, as a reader of the API's documentation would write them.</summary>
internal static class DemoBodies
{
    public static JsonNode Customer(string org, string stripeCustomer) => Json(
        $$$"""
        {"customer":{"external_id":"{{{org}}}","name":"Acme Inc.","email":"billing@acme.test","currency":"USD","timezone":"UTC",
          "billing_configuration":{"payment_provider":"stripe","provider_customer_id":"{{{stripeCustomer}}}"} }}
        """);

    public static JsonNode Team(string team) => Json($$$"""{"team":{"external_id":"{{{team}}}","name":"{{{team}}}"}}""");

    public static JsonNode User(string user, string team) =>
        Json($$$"""{"user":{"external_id":"{{{user}}}","external_team_id":"{{{team}}}","name":"{{{user}}}","email":"{{{user}}}@acme.test"}}""");

    /// <summary>What the vendor charges, per million tokens.</summary>
    public static JsonNode Price() => Json(
        """
        {"price":{"input":"0.15","cached_input":"0.075","output":"0.60","max_input_tokens":128000,"max_output_tokens":16384,"currency":"USD"}}
        """);

    /// <summary>All three read the one event that the gateway makes of a request.</summary>
    public static JsonNode Metric(string code) => Json(
        $$$"""
        {"billable_metric":{"name":"{{{code.Replace('_', ' ')}}}","code":"{{{code}}}","event_code":"llm.request",
          "aggregation_type":"sum_agg","field_name":"{{{code}}}"}}
        """);

    /// <summary>What Acme pays: 49 dollars a month, tokens by tiers, a twentieth of a cent per request.</summary>
    public static JsonNode Plan(IReadOnlyDictionary<string, string> metrics) => Json(
        $$$"""
        {"plan":{"name":"Scale","code":"scale","interval":"monthly","amount_cents":4900,"amount_currency":"USD","pay_in_advance":false,"charges":[
          {"billable_metric_id":"{{{metrics["input_tokens"]}}}","charge_model":"graduated","properties":{"graduated_ranges":[
            {"from_value":0,"to_value":1000000,"per_unit_amount":"0.0000030","flat_amount":"0"},
            {"from_value":1000001,"to_value":10000000,"per_unit_amount":"0.0000025","flat_amount":"0"},
            {"from_value":10000001,"to_value":null,"per_unit_amount":"0.0000020","flat_amount":"0"}]}},
          {"billable_metric_id":"{{{metrics["output_tokens"]}}}","charge_model":"graduated","properties":{"graduated_ranges":[
            {"from_value":0,"to_value":1000000,"per_unit_amount":"0.000012","flat_amount":"0"},
            {"from_value":1000001,"to_value":null,"per_unit_amount":"0.000010","flat_amount":"0"}]}},
          {"billable_metric_id":"{{{metrics["requests"]}}}","charge_model":"standard","properties":{"amount":"0.0005"} }]}}
        """);

    public static JsonNode NewSubscription(string org, string subscription, string start) => Json(
        $$$"""
        {"subscription":{"external_customer_id":"{{{org}}}","plan_code":"scale","external_id":"{{{subscription}}}",
          "billing_time":"calendar","subscription_at":"{{{start}}}"}}
        """);

    public static JsonNode Key(string org, string team, string user, string subscription) => Json(
        $$$"""
        {"api_key":{"external_customer_id":"{{{org}}}","external_team_id":"{{{team}}}","external_user_id":"{{{user}}}",
          "external_subscription_id":"{{{subscription}}}","name":"{{{user}}}-laptop","environment":"demo"}}
        """);

    /// <summary>
    /// Hard limits on every level. The amounts let the whole trace through as fast as it goes; eve's five requests a minute are there
    /// to be refused.
    /// </summary>
    public static IEnumerable<JsonNode> Limits(string org) =>
    [
        Spend("acme-month", "10000", $$"""{"external_customer_id":"{{org}}"}"""),
        Spend("research-month", "5000", $$"""{"external_customer_id":"{{org}}","external_team_id":"research"}"""),
        Spend("product-month", "5000", $$"""{"external_customer_id":"{{org}}","external_team_id":"product"}"""),
        Requests("ada-rate", "1000000", $$"""{"external_customer_id":"{{org}}","external_user_id":"ada"}"""),
        Requests("bob-rate", "1000000", $$"""{"external_customer_id":"{{org}}","external_user_id":"bob"}"""),
        Requests("eve-rate", "5", $$"""{"external_customer_id":"{{org}}","external_user_id":"eve"}"""),
    ];

    private static JsonNode Spend(string code, string amount, string scope) => Json(
        $$$"""
        {"limit":{"code":"{{{code}}}","scope":{{{scope}}},"meter":"spend","amount":"{{{amount}}}","currency":"USD",
          "window":{"kind":"month"},"mode":"hard"}}
        """);

    private static JsonNode Requests(string code, string amount, string scope) => Json(
        $$$"""
        {"limit":{"code":"{{{code}}}","scope":{{{scope}}},"meter":"requests","amount":"{{{amount}}}",
          "window":{"kind":"rate","every":"minute"},"mode":"hard"}}
        """);

    private static JsonNode Json(string text) => JsonNode.Parse(text)!;
}
