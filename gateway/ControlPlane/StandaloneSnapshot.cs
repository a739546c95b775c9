using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Quota.Shared.Amounts;
using Quota.Shared.ControlPlane;
using Quota.Shared.Pricing;

namespace Quota.Gateway.ControlPlane;

/// <summary>
/// Turns the orgs, keys, limits and prices of <c>quota.yaml</c> into the snapshot that a core would send: the same code path from
/// there on. Node ids are hashes of the path (<c>acme/research</c>), so counters survive a restart.
/// </summary>
internal sealed class StandaloneSnapshot
{
    private readonly QuotaFileText _text;
    private readonly string _path;
    private readonly List<string> _mistakes;
    private readonly Dictionary<string, FileNode> _nodes = [];
    private readonly byte[] _pepper = RandomNumberGenerator.GetBytes(32);   // never leaves the process: hashes are made anew at each start

    private StandaloneSnapshot(QuotaFileText text, string path, List<string> mistakes) => (_text, _path, _mistakes) = (text, path, mistakes);

    public static ControlSnapshot Build(QuotaFileText text, string path, List<string> mistakes) => new StandaloneSnapshot(text, path, mistakes).Build();

    private ControlSnapshot Build()
    {
        foreach (var (org, terms) in _text.Orgs)
            ReadTree(org, terms ?? new OrgText());
        if (_text.Keys.Count == 0)
            _mistakes.Add($"{_path} keys: there are none, so every call would be refused; name at least one");
        var keys = _text.Keys.Select(ReadKey).OfType<SnapshotKey>().ToArray();
        foreach (var twice in keys.GroupBy(key => key.Id).Where(group => group.Count() > 1))
            _mistakes.Add($"{_path} keys: a name stands twice; each key needs its own");
        var limits = new LimitsText(_text, _path, _mistakes, NodeOf).Read();
        var prices = new PricesText(_text.Prices, _path, _mistakes);
        var snapshot = new ControlSnapshot
        {
            Version = "",
            Pepper = Convert.ToBase64String(_pepper),
            Orgs = [.. _text.Orgs.Select(org => ReadOrg(org.Key, org.Value ?? new OrgText()))],
            Keys = keys,
            Limits = limits,
            Prices = prices.Read(),
            UnknownPrice = prices.ReadUnknown(),
        };
        return snapshot with { Version = Convert.ToHexStringLower(SHA256.HashData(JsonSerializer.SerializeToUtf8Bytes(snapshot, SnapshotJson.Default.ControlSnapshot))) };
    }

    private SnapshotOrg ReadOrg(string org, OrgText text)
    {
        var markup = 1m;
        if (text.Markup is { } written && !PricesText.TryDecimal(written, out markup))
            _mistakes.Add($"{_path} orgs.{org}.markup: '{written}' is not a decimal such as \"1.25\"");
        else if (Markup.Mistake(markup) is { } problem)
            _mistakes.Add($"{_path} orgs.{org}.markup: {problem}");
        return new SnapshotOrg(Id(org), org, text.Timezone, text.Currency.ToUpperInvariant(), markup);
    }

    private void ReadTree(string org, OrgText text)
    {
        if (!TimeZoneInfo.TryFindSystemTimeZoneById(text.Timezone, out _))
            _mistakes.Add($"{_path} orgs.{org}.timezone: '{text.Timezone}' is not an IANA time zone such as Europe/Berlin");
        if (!Currency.TryParse(text.Currency, out _))
            _mistakes.Add($"{_path} orgs.{org}.currency: '{text.Currency}' is not a currency such as USD");
        CheckName(org, $"orgs.{org}");
        _nodes[org] = new FileNode(org, org, null, null);
        foreach (var (team, members) in text.Teams)
        {
            CheckName(team, $"orgs.{org}.teams.{team}");
            _nodes[$"{org}/{team}"] = new FileNode($"{org}/{team}", org, team, null);
            foreach (var user in members?.Users ?? [])
            {
                CheckName(user, $"orgs.{org}.teams.{team}.users.{user}");
                _nodes[$"{org}/{team}/{user}"] = new FileNode($"{org}/{team}/{user}", org, team, user);
            }
        }
    }

    /// <summary>Scopes are written with slashes between names, so that a name with one in it would be two.</summary>
    private void CheckName(string? name, string place)
    {
        if (name is not { Length: > 0 } || name.Contains('/'))
            _mistakes.Add($"{_path} {place}: a name needs a character, and none of them may be a slash");
    }

    private SnapshotKey? ReadKey(KeyText text)
    {
        var place = $"{_path} keys.{text.Name ?? "(unnamed)"}";
        var before = _mistakes.Count;
        if (text.Name is not { Length: > 0 })
            _mistakes.Add($"{place}.name: is missing");
        var node = NodeOf(text.Scope, place);
        var hash = new byte[KeyHash.Size];
        if (text.Secret is { Length: >= 16 } secret && text.Sha256 is null)
            KeyHash.OfSecret(_pepper, secret, hash);
        else if (text.Secret is null && text.Sha256 is { Length: 64 } digest && digest.All(char.IsAsciiHexDigit))
            KeyHash.OfDigest(_pepper, Convert.FromHexString(digest), hash);
        else
            _mistakes.Add($"{place}: needs either secret (16 characters or more) or sha256 (64 hex digits of a secret with 128 random bits)");
        return node is null || _mistakes.Count > before ? null : new SnapshotKey
        {
            Id = KeyId(text.Name!),
            Hash = Convert.ToHexStringLower(hash),
            OrgId = Id(node.Org),
            TeamId = node.Team is null ? null : Id($"{node.Org}/{node.Team}"),
            Team = node.Team,
            UserId = node.User is null ? null : Id($"{node.Org}/{node.Team}/{node.User}"),
            User = node.User,
            Name = text.Name,
            Environment = text.Environment,
            Tags = text.Tags,
            AllowedModels = text.Models,
        };
    }

    private FileNode? NodeOf(string? scope, string place)
    {
        if (scope is not null && _nodes.TryGetValue(scope, out var node))
            return node;
        _mistakes.Add($"{place}.scope: '{scope}' is not in orgs; use org, org/team or org/team/user");
        return null;
    }

    private static string KeyId(string name) => FileNode.KeyId(name);

    private static string Id(string path) => FileNode.Id(path);
}

/// <summary>An org, team or user of the file. Node ids are hashes of paths: a user taken out and put in again is the same user.</summary>
internal sealed record FileNode(string Path, string Org, string? Team, string? User)
{
    public string Kind => User is not null ? "user" : Team is not null ? "team" : "org";

    /// <summary>The node's own id, then those above it.</summary>
    public IEnumerable<string> Chain => new[] { User is null ? null : Path, Team is null ? null : $"{Org}/{Team}", Org }.OfType<string>().Select(Id);

    /// <summary>A key's id. No path has an empty name in it, so none is taken for a key.</summary>
    public static string KeyId(string name) => Id("key//" + name);

    public static string Id(string path) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(path)).AsSpan(0, 16));
}
