using Quota.TestKit;

namespace Quota.Gateway.Tests.ControlPlane;

/// <summary>Wrong settings: all mistakes in one report, exit code 1, and nothing started.</summary>
public sealed class StartTests
{
    private static async Task<(int? Code, string Output)> StartAsync(string? yaml, params (string Name, string Value)[] settings)
    {
        var folder = Directory.CreateTempSubdirectory("quota-start-");
        try
        {
            var file = Path.Combine(folder.FullName, "quota.yaml");
            if (yaml is not null)
                await File.WriteAllTextAsync(file, yaml);
            var environment = new Dictionary<string, string?>
            {
                ["Quota__File"] = file, ["Spool__Directory"] = Path.Combine(folder.FullName, "spool"), ["A_KEY"] = "sk-1",
                ["Urls"] = $"http://127.0.0.1:{FreePort.Next()}", ["Admin__Url"] = $"http://127.0.0.1:{FreePort.Next()}",
            };
            foreach (var (name, value) in settings)
                environment[name] = value;
            await using var process = CaptiveProcess.Start(new CaptiveCommand("dotnet", Repository.Assembly("Quota.Gateway")) { Environment = environment });
            await process.Exited.WaitAsync(TimeSpan.FromSeconds(20));
            return (process.ExitCode, process.Output);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task Every_mistake_is_in_one_report()
    {
        var (code, output) = await StartAsync("""
            upstreams:
              openai: { protocol: telepathy, base_url: "ftp://x", credential: { env: NOT_SET_ANYWHERE }, models: [] }
            aliases: { fast: gpt-4o-mini, faster: fast }
            balancing: loudest
            orgs:
              acme: { timezone: Mars/Olympus, currency: DOLLARS, teams: { research: { users: [ada] } } }
              other: {}
            keys:
              - { name: short, secret: abc, scope: acme/research/ada }
              - { name: lost, secret: qk_0123456789abcdef, scope: acme/nowhere }
            limits:
              - { code: a, scope: acme, meter: miracles, amount: "-1", window: { kind: fortnight }, mode: polite, thresholds: ["1.8", many] }
              - { code: b, scope: acme/research, meter: spend, amount: "9999999999", window: { kind: month, starts_on: "32" }, hold: forever, each: team }
              - { code: g, scope: other, meter: spend, amount: "9999999999", window: { kind: month } }
              - { code: c, scope: acme, meter: concurrency, amount: "8", window: { kind: day }, selector: { endpoints: [fax] } }
              - { code: d, scope: acme/research/ada, meter: requests, amount: "5.5", window: { kind: rate, every: minute, burst: lots }, overrides: nothing }
              - { code: d, scope: acme/research/ada, meter: requests, amount: "5", window: { kind: rate, every: second }, overrides: nothing }
              - { code: d, scope: acme, meter: requests, amount: "5", window: { kind: rate, every: second } }
              - { code: e, scope: acme, each: user, meter: requests, amount: "5", window: { kind: day } }
              - { code: f, scope: acme/research/ada, meter: requests, amount: "5", window: { kind: month }, overrides: e }
            prices:
              unknown: free
              models: { gpt-4o-mini: { provider: openai, input: cheap, output: "-1" } }
            """,
            ("Limits__HoldDeadline", "soon"), ("Spool__Durability", "maybe"), ("Upstream__Timeout", "0s"), ("Events__Sink", "pigeon"));
        code.ShouldBe(1);
        foreach (var expected in new[]
        {
            "Limits__HoldDeadline", "Spool__Durability", "Upstream__Timeout", "Events__Sink: 'pigeon'", "upstreams.openai.protocol: 'telepathy'", "base_url: 'ftp://x'",
            "NOT_SET_ANYWHERE is not set", "upstreams.openai.models", "aliases.faster: 'fast' is an alias itself", "balancing: 'loudest'", "timezone: 'Mars/Olympus'", "currency: 'DOLLARS'", "keys.short", "keys.lost.scope: 'acme/nowhere'",
            "limits.a.meter: 'miracles'", "limits.a.mode: 'polite'", "limits.a.window.kind: 'fortnight'", "limits.a.thresholds: '1.8'", "limits.a.thresholds: 'many'", "limits.a.amount: '-1'",
            "limits.g.amount: 9999999999", "limits.b.window.starts_on: '32'", "limits.b.hold: 'forever'", "limits.b.each: 'team'", "limits.c.window: concurrency has none", "limits.c.selector.endpoints: 'fax'",
            "limits.d.amount: 5.5", "limits.d.window.burst: 'lots'", "limits.d.overrides: 'nothing' is not the code", "code 'd' stands twice", "limits.f.overrides: counts something else than 'e'", "prices.unknown: 'free'",
            "gpt-4o-mini.input: 'cheap'",
        })
            output.ShouldContain(expected);
    }

    [Fact]
    public async Task An_unknown_word_in_the_file_is_named_with_its_line()
    {
        var (code, output) = await StartAsync("upstreams:\n  openai: { protocol: openai, base_uri: \"http://x\" }\n");
        code.ShouldBe(1);
        output.ShouldContain("line 2");
        output.ShouldContain("base_uri");
    }

    [Fact]
    public async Task A_file_that_is_not_there_is_said()
    {
        var (code, output) = await StartAsync(yaml: null);
        code.ShouldBe(1);
        output.ShouldContain("cannot be read");
    }

    [Fact]
    public async Task With_a_core_the_file_has_only_upstreams_and_a_token_is_needed()
    {
        var (code, output) = await StartAsync("upstreams:\n  openai: { protocol: openai, base_url: \"http://x\", credential: { env: A_KEY }, models: [\"*\"] }\nkeys: [ { name: a } ]\n", ("ControlPlane__Url", "http://127.0.0.1:1"));
        code.ShouldBe(1);
        output.ShouldContain("ControlPlane__Token: is needed");
        output.ShouldContain("come from the core");
    }
}
