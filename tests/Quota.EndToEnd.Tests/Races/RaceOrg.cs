using System.Globalization;
using System.Text;
using Quota.TestKit;

namespace Quota.EndToEnd.Tests.Races;

/// <summary>An API key and the nodes that its calls count on, from the org down to itself.</summary>
internal sealed record RaceKey(string Name, IReadOnlyList<string> Nodes)
{
    public string Secret => $"qk_race_{Name}_0123456789";
}

/// <summary>A hard limit. Money is in nano-units, everything else in whole things.</summary>
/// <param name="Node">Path of its node; a key's ends with the key's name.</param>
/// <param name="Burst">Of a rate, whose <paramref name="Amount"/> drains each minute or second.</param>
internal sealed record RaceLimit(string Node, string Meter, decimal Amount, string? Every = null, decimal? Burst = null)
{
    public string Code => $"{Node.Replace('/', '-')}-{Meter}";

    public bool IsMoney => Meter == RaceOrg.Spend;

    public bool IsRate => Every is not null;

    public bool IsBudget => Meter is RaceOrg.Spend or RaceOrg.Tokens;

    /// <summary>What used + held may never pass.</summary>
    public decimal Most => Burst ?? Amount;

    public decimal DrainedPerSecond => Every == "second" ? Amount : Amount / 60;
}

/// <summary>
/// The org of the races: two teams, four users, eight keys, and on each of the fifteen nodes a hard limit of each kind. The budgets are
/// shares of what the run may use, chosen so that a limit of every level is the first to bind for somebody.
/// </summary>
internal sealed class RaceOrg
{
    public const string Name = "acme", Spend = "spend", Tokens = "total_tokens", Requests = "requests", Concurrency = "concurrency";

    /// <summary>Without a public tokenizer, so that its bytes alone bound a call's input and a test can tell what fits.</summary>
    public const string Model = "gpt-race";

    /// <summary>Nano-units of a token: both have fractions, which no sum may lose.</summary>
    public const decimal NanosPerInput = 37.5m, NanosPerOutput = 612.5m;

    private static readonly string[] Users = ["research/ada", "research/bob", "product/dan", "product/eve"];

    private RaceOrg(IReadOnlyList<RaceLimit> limits) => Limits = limits;

    public static IReadOnlyList<RaceKey> Keys { get; } =
        [.. Users.SelectMany(user => new[] { 1, 2 }.Select(n => KeyOf(user, $"{user.Split('/')[1]}-{n}")))];

    public IReadOnlyList<RaceLimit> Limits { get; }

    /// <summary>Limits for a run of about this many served calls of about this size.</summary>
    public static RaceOrg For(int calls, decimal nanosPerCall, decimal tokensPerCall)
    {
        var limits = new List<RaceLimit>();
        foreach (var node in Keys.SelectMany(key => key.Nodes).Distinct())
        {
            var level = node.Count(c => c == '/');
            limits.Add(new RaceLimit(node, Spend, decimal.Ceiling(calls * nanosPerCall * SpendShare(node, level))));
            limits.Add(new RaceLimit(node, Tokens, decimal.Ceiling(calls * tokensPerCall * TokenShare(node, level))));
            limits.Add(node.EndsWith("/dan-1", StringComparison.Ordinal)
                ? new RaceLimit(node, Requests, 90, "minute", 8) : new RaceLimit(node, Requests, 60 * (100 - 20 * level), "minute", 200 - 40 * level));
            limits.Add(new RaceLimit(node, Concurrency, new[] { 48, 30, 17, 9 }[level]));
        }
        return new RaceOrg(limits);
    }

    /// <summary>One limit alone, for a scene of its own; the org has no other.</summary>
    public static RaceOrg With(params IReadOnlyList<RaceLimit> limits) => new(limits);

    /// <summary>What a body with this output bound holds at most, by meter.</summary>
    public static decimal WorstCase(string meter, int bodyBytes, int bound) => meter switch
    {
        Spend => decimal.Ceiling(bodyBytes * NanosPerInput + bound * NanosPerOutput),
        Tokens => bodyBytes + bound,
        _ => 1,
    };

    /// <summary>As a person would write it. The clocks of the org show about noon, so that no window ends while the race is on.</summary>
    public string Yaml(FakeProvider provider)
    {
        var text = new StringBuilder(GatewayProcess.Upstream(provider));
        text.AppendLine("orgs:").AppendLine(CultureInfo.InvariantCulture, $"  {Name}: {{ timezone: {ZoneAtNoon()}, currency: USD, teams: {{ research: {{ users: [ada, bob] }}, product: {{ users: [dan, eve] }} }} }}");
        text.AppendLine("keys:");
        foreach (var key in Keys)
            text.AppendLine(CultureInfo.InvariantCulture, $"  - {{ name: {key.Name}, secret: {key.Secret}, scope: {key.Nodes[^2]} }}");
        text.AppendLine("limits:");
        foreach (var limit in Limits)
            text.AppendLine(CultureInfo.InvariantCulture, $"  - {{ code: {limit.Code}, {Scope(limit)}, meter: {limit.Meter}, amount: \"{Shown(limit)}\"{Window(limit)}, mode: hard }}");
        text.AppendLine("prices:").AppendLine("  models:")
            .AppendLine(CultureInfo.InvariantCulture, $"    {Model}: {{ provider: openai, input: \"{NanosPerInput / 1000}\", output: \"{NanosPerOutput / 1000}\", max_input_tokens: 128000, max_output_tokens: 16384 }}");
        return text.ToString();
    }

    private static RaceKey KeyOf(string user, string name) =>
        new(name, [Name, $"{Name}/{user.Split('/')[0]}", $"{Name}/{user}", $"{Name}/{user}/{name}"]);

    private static decimal SpendShare(string node, int level) => node[(node.LastIndexOf('/') + 1)..] switch
    {
        "acme" => 1, "research" => 0.7m, "product" => 0.48m, "ada" => 0.18m, "ada-1" => 0.12m, _ => level == 2 ? 0.6m : 0.3m,
    };

    private static decimal TokenShare(string node, int level) => node[(node.LastIndexOf('/') + 1)..] switch
    {
        "acme" => 1.6m, "research" => 0.62m, "product" => 0.8m, "eve" => 0.22m, "dan-2" => 0.08m, _ => level == 2 ? 0.7m : 0.4m,
    };

    private static string Scope(RaceLimit limit) => limit.Node.Count(c => c == '/') < 3 ? $"scope: {limit.Node}"
        : $"scope: {limit.Node[..limit.Node.LastIndexOf('/')]}, key: {limit.Node[(limit.Node.LastIndexOf('/') + 1)..]}";

    private static decimal Shown(RaceLimit limit) => limit.IsMoney ? limit.Amount / 1_000_000_000m : limit.Amount;

    private static string Window(RaceLimit limit) => limit.Meter switch
    {
        Spend => ", window: { kind: month }",
        Tokens => ", window: { kind: day }",
        Requests => $", window: {{ kind: rate, every: {limit.Every}, burst: \"{limit.Burst}\" }}",
        _ => "",
    };

    private static string ZoneAtNoon()
    {
        var behind = TimeProvider.System.GetUtcNow().Hour - 12;   // POSIX signs: Etc/GMT+3 is three hours behind
        return behind == 0 ? "UTC" : $"Etc/GMT{(behind > 0 ? "+" : "-")}{Math.Abs(behind)}";
    }
}
