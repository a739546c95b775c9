using Quota.TestKit;

namespace Quota.Benchmarks;

/// <summary>The gateway with a list of limits. To measure another, add it to <see cref="All"/>.</summary>
internal sealed record GatewayCase(string Name, IReadOnlyList<string> Limits)
{
    public const string Key = "qk_bench_0123456789abcdef";

    private static readonly string[] Scopes = ["acme", "acme/research", "acme/research/ada"];

    /// <summary>No limit is ever reached: what is measured is the price of asking.</summary>
    public static readonly IReadOnlyList<GatewayCase> All =
    [
        new("gateway, 0 limits", []),
        new("gateway, 3 limits",
        [
            """{ code: org-month, scope: acme, meter: spend, amount: "1000000", window: { kind: month } }""",
            """{ code: team-month, scope: acme/research, meter: spend, amount: "500000", window: { kind: month } }""",
            """{ code: user-rpm, scope: acme/research/ada, meter: requests, amount: "100000000", window: { kind: rate, every: minute } }""",
        ]),
        new("gateway, 9 limits",
        [
            .. Scopes.Index().SelectMany(it => new[]
            {
                $$"""{ code: spend-{{it.Index}}, scope: {{it.Item}}, meter: spend, amount: "1000000", window: { kind: month } }""",
                $$"""{ code: rpm-{{it.Index}}, scope: {{it.Item}}, meter: requests, amount: "100000000", window: { kind: rate, every: minute } }""",
                $$"""{ code: tokens-{{it.Index}}, scope: {{it.Item}}, meter: total_tokens, amount: "1000000000000", window: { kind: day } }""",
            }),
        ]),
    ];

    public string Yaml(int providerPort) => $$"""
        upstreams:
          openai: { protocol: openai, base_url: "http://127.0.0.1:{{providerPort}}", credential: { env: {{GatewayProcess.CredentialVariable}} }, models: ["gpt-*"] }
        orgs:
          acme: { teams: { research: { users: [ada] } } }
        keys:
          - { name: bench, secret: {{Key}}, scope: acme/research/ada }
        limits: [{{string.Join(", ", Limits)}}]
        prices:
          models:
            gpt-4o-mini: { provider: openai, input: "0.15", cached_input: "0.075", output: "0.60", max_input_tokens: 128000, max_output_tokens: 16384 }
        """;
}
