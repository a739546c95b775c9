using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.RegularExpressions;
using Quota.Gateway.ControlPlane;
using Quota.Gateway.Limits;
using Quota.Shared.ControlPlane;
using Quota.TestKit;
using StackExchange.Redis;

namespace Quota.Gateway.Tests.Limits;

/// <summary>What people call their things reaches no key, moves no key out of its org's slot, and lets no two counters be one.</summary>
public sealed partial class NameTests
{
    private static readonly string Long = new('x', 10_240);

    /// <summary>Pairs that look or hash alike, and text that means something to Redis, Lua, JSON, YAML or the scripts.</summary>
    private static readonly string[] Nasty =
    [
        "ada", "Ada", "ADA", "\u0430da", "ad\u0430", "a\u0301da", "\u00e1da", "ada\u200b", "ada ", " ada", "ada\t", "ada\n", "a\nda", "\uff41da", "ad\u00ada", "\u202eada", "ada\u0000"[..3] + "\u0001",
        "{}", "{ada}", "}{", "{", "}", "q:{0}:e", ":", "::", "a:b", "a: b", "a;b=1", "=", "-", "*", "?", "[a]", "\"", "\\", "'", "a\"b", "a\\\"b", "null", "true", "1", "1.0", "#", "&a", "%s", "%d", "$(x)", "${x}", "../..", "C1794000000000",
        "\ud83d\ude00", "\ud83d\ude01", "e\u0301", "\u00e9", "\u1e9e", "ss", "\u00df", "I", "\u0131", "\u0130", "i", "K", "\u212a", "\ufb01", "fi", Long, Long + "x", Long + "{", new string('{', 300), new string('\n', 40),
    ];

    [GeneratedRegex(@"^q:\{(?<org>[0-9a-f]{32})\}:(e|out|[0-9a-f]{16}:(x|h:[0-9a-f]{32}|c:[0-9a-f]{32}))$")]
    private static partial Regex KeyShape();

    [Fact]
    public void The_slot_is_reckoned_as_redis_does()
    {
        SlotOf("123456789").ShouldBe(12739);               // the example of the cluster specification
        SlotOf("foo{hash_tag}").ShouldBe(SlotOf("hash_tag"));
        SlotOf("foo{}{bar}").ShouldBe(SlotOf("foo{}{bar}", whole: true));
    }

    [Fact]
    public void Every_node_of_a_file_has_an_id_of_its_own_whatever_it_is_called()
    {
        var names = Nasty.Where(name => !name.Contains('/')).ToArray();
        var file = new QuotaFileText();
        foreach (var org in names)
            file.Orgs[org] = new OrgText { Teams = names.Take(12).ToDictionary(team => team, _ => new TeamText { Users = [.. names.Take(12)] }) };
        file.Keys.AddRange(names.Select((name, i) => new KeyText { Name = name, Secret = $"a secret of some length {i}", Scope = $"{names[i]}/{names[i % 12]}/{names[i * 5 % 12]}" }));
        List<string> mistakes = [];
        var snapshot = StandaloneSnapshot.Build(file, "quota.yaml", mistakes);
        mistakes.ShouldBeEmpty();
        snapshot.Orgs.Select(org => org.Id).Concat(snapshot.Keys.Select(key => key.Id)).Distinct().Count().ShouldBe(2 * names.Length);
        // An org's id is the one part of a key that is not made by us alone.
        foreach (var org in snapshot.Orgs)
            org.Id.ShouldMatch("^[0-9a-f]{32}$");

        var ids = names.SelectMany(org => names.Take(12).SelectMany(team => names.Take(12).Select(user => $"{org}/{team}/{user}").Append($"{org}/{team}")).Append(org)).Select(FileNode.Id).ToArray();
        ids.Distinct().Count().ShouldBe(ids.Length);
    }

    /// <summary>Nodes are found by their path, so a name that holds the path's own sign can be somebody else's path.</summary>
    [Fact]
    public void A_name_with_a_slash_is_refused_or_means_the_same_node_in_any_order()
    {
        static (string Key, string Org)? WhoIs(params (string Org, OrgText Text)[] orgs)
        {
            var file = new QuotaFileText { Keys = { new KeyText { Name = "a", Secret = "a secret of some length", Scope = "acme/research/ada" } } };
            foreach (var (org, text) in orgs)
                file.Orgs[org] = text;
            List<string> mistakes = [];
            var snapshot = StandaloneSnapshot.Build(file, "quota.yaml", mistakes);
            return mistakes.Count > 0 ? null : (snapshot.Keys[0].UserId ?? "no user", snapshot.Orgs.Single(org => org.Id == snapshot.Keys[0].OrgId).Code);
        }
        var acme = ("acme", new OrgText { Teams = { ["research"] = new TeamText { Users = ["ada"] } } });
        var other = ("acme/research", new OrgText { Teams = { ["ada"] = new TeamText() } });
        WhoIs(acme, other).ShouldBe(WhoIs(other, acme), "whose key it is depends on the order of the file");
    }

    [Fact]
    public void A_key_is_not_an_org_of_the_same_spelling()
    {
        var file = new QuotaFileText { Orgs = { ["key:a"] = new OrgText() }, Keys = { new KeyText { Name = "a", Secret = "a secret of some length 1", Scope = "key:a" } } };
        List<string> mistakes = [];
        var snapshot = StandaloneSnapshot.Build(file, "quota.yaml", mistakes);
        if (mistakes.Count == 0)
            snapshot.Keys[0].Id.ShouldNotBe(snapshot.Orgs[0].Id, "key 'a' and org 'key:a' are one node: limits on them could share a counter");
    }

    [Fact]
    public void No_two_counters_have_one_name()
    {
        Dictionary<string, string> seen = [];
        void Add(string what, string nodeId, LimitTerms terms, string zone = "UTC", string code = "c")
        {
            var identity = CounterName.Identity(nodeId, terms, zone, code);
            foreach (var start in (long[])[0, 1, 11, 1_794_000_000_000])
            {
                var id = CounterName.Of(identity, start);
                id.ShouldMatch("^[0-9a-f]{32}$");
                seen.TryAdd(id, what).ShouldBeTrue($"{what} has the counter of {seen[id]}");
            }
        }
        static LimitTerms Terms(LimitSelector? selector = null, string kind = "month", string? every = null) =>
            new() { Meter = Meters.Requests, Amount = 1, Window = new LimitWindow { Kind = kind, Every = every }, Selector = selector };
        foreach (var name in Nasty.Where(name => name.Length <= LimitSelector.MostLength))
        {
            Add($"model {name}", "n", Terms(new LimitSelector { Models = [name] }));
            Add($"provider {name}", "n", Terms(new LimitSelector { Providers = [name] }));
            Add($"environment {name}", "n", Terms(new LimitSelector { Environments = [name] }));
            Add($"tag {name}", "n", Terms(new LimitSelector { Tags = new Dictionary<string, string> { [name] = "v" } }));
            Add($"tag value {name}", "n", Terms(new LimitSelector { Tags = new Dictionary<string, string> { ["k"] = name } }));
            Add($"models x and {name}", "n", Terms(new LimitSelector { Models = ["x", name] }));
            Add($"node {name}", $"node {name}", Terms());
            Add($"rate's code {name}", "n", Terms(kind: "rate", every: "minute"), code: name);
        }
        Add("one model", "n", Terms(new LimitSelector { Models = ["one", "two"] }));
        Add("joined", "n", Terms(new LimitSelector { Models = ["one,two"] }));
        Add("joined as text", "n", Terms(new LimitSelector { Models = ["one\",\"two"] }));
        Add("split over lists", "n", Terms(new LimitSelector { Models = ["one"], Providers = ["two"] }));
        Add("tags a=b", "n", Terms(new LimitSelector { Tags = new Dictionary<string, string> { ["a"] = "b", ["c"] = "d" } }));
        Add("tags a=c", "n", Terms(new LimitSelector { Tags = new Dictionary<string, string> { ["a"] = "c", ["b"] = "d" } }));
        seen.Count.ShouldBeGreaterThan(1_000);
    }

    [Fact]
    public void A_selector_says_the_same_in_any_order()
    {
        static string Identity(LimitSelector selector) => CounterName.Identity("n", new LimitTerms { Meter = Meters.Requests, Amount = 1, Window = new LimitWindow { Kind = "month" }, Selector = selector }, "UTC", "c");
        Identity(new LimitSelector { Models = ["b", "a", "b"], Tags = new Dictionary<string, string> { ["y"] = "1", ["x"] = "2" } })
            .ShouldBe(Identity(new LimitSelector { Models = ["a", "b"], Tags = new Dictionary<string, string> { ["x"] = "2", ["y"] = "1" } }));
    }

    [Fact]
    public void Every_key_of_an_org_lies_in_its_slot()
    {
        var random = new Random(1);
        for (var n = 0; n < 2_000; n++)
        {
            var bytes = new byte[16];
            random.NextBytes(bytes);
            var (org, epoch, id) = (Convert.ToHexStringLower(bytes), $"{random.NextInt64():x16}", CounterName.Of($"{Nasty[n % Nasty.Length]}", n));
            string[] keys = [QuotaKeys.Epoch(org), QuotaKeys.Facts(org), QuotaKeys.Deadlines(org, epoch), QuotaKeys.Hold(org, epoch, Some.Id()), QuotaKeys.Counter(org, epoch, id)];
            keys.Select(key => SlotOf(key)).Distinct().ShouldHaveSingleItem().ShouldBe(SlotOf(org));
            keys.ShouldAllBe(key => KeyShape().IsMatch(key));
        }
    }

    [Fact]
    public async Task A_gateway_with_nasty_names_writes_plain_keys_and_counts_each_for_itself()
    {
        string[] orgs = ["{}", "a: b\n{c}", "\u0430cme"];
        string[] users = ["ada", "\u0430da", "ada\n", "}{:*", "e\u0301", "\u00e9", Long, "\"\\", "\ud83d\ude00"];
        const string model = "gpt-{4}:\u0435 mini*";   // control characters are refused before any counter is asked
        await using var redis = await RedisServer.StartAsync();
        await using var provider = await FakeProvider.StartAsync();
        var yaml = new StringBuilder(GatewayProcess.Upstream(provider)).AppendLine("orgs:");
        foreach (var org in orgs)
            yaml.AppendLine(CultureInvariant($"  {Quoted(org)}: {{ teams: {{ {Quoted(org)}: {{ users: [{string.Join(", ", users.Select(Quoted))}] }} }} }}"));
        yaml.AppendLine("keys:");
        var keys = orgs.SelectMany((org, o) => users.Select((user, u) => (Org: org, User: user, Secret: $"qk_test_{o}_{u}_0123456789", Name: user + o))).ToArray();
        foreach (var key in keys)
            yaml.AppendLine(CultureInvariant($"  - {{ name: {Quoted(key.Name)}, secret: {key.Secret}, scope: {Quoted($"{key.Org}/{key.Org}/{key.User}")}, environment: {Quoted(key.User)} }}"));
        yaml.AppendLine("limits:");
        foreach (var org in orgs)
        {
            var o = Array.IndexOf(orgs, org);
            yaml.AppendLine(CultureInvariant($"  - {{ code: org-{o}, scope: {Quoted(org)}, meter: spend, amount: \"100\", window: {{ kind: month }}, thresholds: [\"0.0001\"] }}"));
            yaml.AppendLine(CultureInvariant($"  - {{ code: user-{o}, scope: {Quoted(org)}, each: user, meter: requests, amount: \"1\", window: {{ kind: lifetime }}, thresholds: [\"1\"] }}"));
            yaml.AppendLine(CultureInvariant($"  - {{ code: model-{o}, scope: {Quoted(org)}, each: key, meter: total_tokens, amount: \"100000\", window: {{ kind: rate, every: hour }}, selector: {{ models: [{Quoted(model)}] }} }}"));
            foreach (var user in users.Where(user => user.Length <= LimitSelector.MostLength))
                yaml.AppendLine(CultureInvariant($"  - {{ code: env-{o}-{Array.IndexOf(users, user)}, scope: {Quoted(org)}, meter: output_tokens, amount: \"100000\", window: {{ kind: lifetime }}, selector: {{ environments: [{Quoted(user)}] }} }}"));
        }
        yaml.AppendLine("prices:").AppendLine("  models:").AppendLine(CultureInvariant($"    {Quoted(model)}: {{ provider: openai, input: \"0.15\", output: \"0.60\", max_input_tokens: 128000, max_output_tokens: 64 }}"));
        await using var gateway = await GatewayProcess.StartAsync(yaml.ToString(), redis);
        using var http = new HttpClient(new SocketsHttpHandler { UseProxy = false });

        async Task<(HttpStatusCode Status, string Body)> CallAsync(string secret)
        {
            var body = JsonSerializer.Serialize(new { model, max_completion_tokens = 8, messages = new[] { new { role = "user", content = "reply:5 hello" } } });
            using var request = new HttpRequestMessage(HttpMethod.Post, gateway.Url + "/v1/chat/completions") { Content = new StringContent(body, Encoding.UTF8, "application/json") };
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", secret);
            using var answer = await http.SendAsync(request);
            return (answer.StatusCode, await answer.Content.ReadAsStringAsync());
        }

        foreach (var key in keys)
            (await CallAsync(key.Secret)).ShouldSatisfyAllConditions(answer => answer.Status.ShouldBe(HttpStatusCode.OK, $"{key.Org}/{Short(key.User)}\n{answer.Body}\n{gateway.Process.Output}"));
        foreach (var key in keys)   // each user's one request is used up, and the refusal can be told
        {
            var (status, body) = await CallAsync(key.Secret);
            status.ShouldBe(HttpStatusCode.TooManyRequests, $"{key.Org}/{Short(key.User)}\n{body}\n{gateway.Process.Output}");
            JsonElement.Parse(body).GetProperty("error").ValueKind.ShouldBe(JsonValueKind.Object);
        }

        await using var connection = await ConnectionMultiplexer.ConnectAsync(redis.ConnectionString);
        var found = connection.GetServers()[0].Keys(pattern: "*", pageSize: 1000).Select(key => key.ToString()).ToArray();
        found.ShouldAllBe(key => KeyShape().IsMatch(key));
        found.Select(key => (Org: KeyShape().Match(key).Groups["org"].Value, Slot: SlotOf(key))).Distinct().Select(pair => pair.Org).ShouldBeUnique();
        found.Select(key => KeyShape().Match(key).Groups["org"].Value).Distinct().ShouldBe(orgs.Select(FileNode.Id), ignoreOrder: true);

        // Every user has one request, every key its own rate, every environment its own tokens, every org all of its money.
        var database = connection.GetDatabase();
        var live = found.Where(key => key.Contains(":c:", StringComparison.Ordinal)).Select(key => (Org: KeyShape().Match(key).Groups["org"].Value, Live: (long)database.HashGet(key, "live"), IsRate: database.HashExists(key, "t"))).ToArray();
        foreach (var org in orgs.Select(FileNode.Id))
        {
            live.Count(counter => counter.Org == org && counter is { Live: 1, IsRate: false }).ShouldBe(users.Length);
            live.Count(counter => counter.Org == org && counter.IsRate).ShouldBe(users.Length);
            live.Count(counter => counter.Org == org && counter is { Live: 5, IsRate: false }).ShouldBe(users.Length - 1);
            live.Count(counter => counter.Org == org && counter.Live > 1_000).ShouldBe(1);
        }
    }

    private static string CultureInvariant(FormattableString text) => FormattableString.Invariant(text);

    private static string Quoted(string text) => JsonSerializer.Serialize(text, Relaxed);

    private static readonly JsonSerializerOptions Relaxed = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private static string Short(string text) => text.Length > 40 ? text[..40] + "…" : text;

    /// <summary>CRC16 (XMODEM) of the hash tag, modulo 16384: Redis Cluster's own rule.</summary>
    private static int SlotOf(string key, bool whole = false)
    {
        var (open, tag) = (key.IndexOf('{'), key);
        if (!whole && open >= 0 && key.IndexOf('}', open + 1) is var close && close > open + 1)
            tag = key[(open + 1)..close];
        var crc = 0;
        foreach (var one in Encoding.UTF8.GetBytes(tag))
        {
            crc ^= one << 8;
            for (var bit = 0; bit < 8; bit++)
                crc = (crc & 0x8000) != 0 ? (crc << 1 ^ 0x1021) & 0xffff : crc << 1;
        }
        return crc % 16_384;
    }
}
