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
    private readonly Dictionary<string, Node> _nodes = [];
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
        var limits = _text.Limits.Select(ReadLimit).OfType<SnapshotLimit>().ToArray();
        foreach (var twice in limits.GroupBy(limit => (limit.OrgId, limit.Code)).Where(group => group.Count() > 1))
            _mistakes.Add($"{_path} limits: code '{twice.Key.Code}' stands twice; a code is unique in its org");
        foreach (var same in limits.GroupBy(limit => (limit.NodeId, limit.Terms.Meter, limit.Terms.Window.Kind, limit.Terms.Window.Every, limit.Terms.Window.Timezone)).Where(group => group.Count() > 1))
            _mistakes.Add($"{_path} limits.{string.Join(", ", same.Select(limit => limit.Code))}: count the same meter in the same window; keep one");
        var snapshot = new ControlSnapshot
        {
            Version = "",
            Pepper = Convert.ToBase64String(_pepper),
            Orgs = [.. _text.Orgs.Select(org => new SnapshotOrg(Id(org.Key), org.Key, (org.Value ?? new()).Timezone, (org.Value ?? new()).Currency.ToUpperInvariant()))],
            Keys = keys,
            Limits = limits,
            Prices = ReadPrices(),
        };
        return snapshot with { Version = Convert.ToHexStringLower(SHA256.HashData(JsonSerializer.SerializeToUtf8Bytes(snapshot, SnapshotJson.Default.ControlSnapshot))) };
    }

    private void ReadTree(string org, OrgText text)
    {
        if (!TimeZoneInfo.TryFindSystemTimeZoneById(text.Timezone, out _))
            _mistakes.Add($"{_path} orgs.{org}.timezone: '{text.Timezone}' is not an IANA time zone such as Europe/Berlin");
        if (!Currency.TryParse(text.Currency, out _))
            _mistakes.Add($"{_path} orgs.{org}.currency: '{text.Currency}' is not a currency such as USD");
        _nodes[org] = new Node(org, org, null, null);
        foreach (var (team, members) in text.Teams)
        {
            _nodes[$"{org}/{team}"] = new Node($"{org}/{team}", org, team, null);
            foreach (var user in members?.Users ?? [])
                _nodes[$"{org}/{team}/{user}"] = new Node($"{org}/{team}/{user}", org, team, user);
        }
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
            Environment = text.Environment,
            AllowedModels = text.Models,
        };
    }

    private SnapshotLimit? ReadLimit(LimitText text)
    {
        var place = $"{_path} limits.{text.Code ?? "(no code)"}";
        var before = _mistakes.Count;
        if (text.Code is not { Length: > 0 and <= 100 } code || code.Any(c => c is '"' or '\\' or < ' ' or > '~'))
            _mistakes.Add($"{place}.code: is needed, at most 100 visible ASCII characters, no quotes");
        foreach (var (word, value) in new[] { ("each", text.Each), ("selector", text.Selector), ("thresholds", text.Thresholds), ("hold", text.Hold), ("clamp", text.Clamp), ("overrides", text.Overrides) })
        {
            if (value is not null)
                _mistakes.Add($"{place}.{word}: is not enforced yet; remove it");
        }
        var node = NodeOf(text.Scope, place);
        if (text.Key is { } key && !_text.Keys.Any(other => other.Name == key))
            _mistakes.Add($"{place}.key: '{key}' is not one of keys");
        if (!decimal.TryParse(text.Amount, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var amount))
            _mistakes.Add($"{place}.amount: '{text.Amount}' is not a decimal such as \"100.00\"");
        var terms = new LimitTerms
        {
            Meter = text.Meter ?? "",
            Amount = amount,
            Currency = text.Meter == Meters.Spend && node is not null ? (_text.Orgs[node.Org]?.Currency ?? "USD").ToUpperInvariant() : null,
            Window = new LimitWindow { Kind = text.Window?.Kind ?? "", Every = text.Window?.Every, Burst = text.Window?.Burst, Timezone = text.Window?.Timezone },
            Mode = text.Mode,
        };
        _mistakes.AddRange(terms.Mistakes().Select(mistake => $"{place}.{mistake.Field}: {mistake.Problem}"));
        return node is null || _mistakes.Count > before ? null : new SnapshotLimit
        {
            Code = text.Code!, OrgId = Id(node.Org), NodeId = text.Key is { } limited ? KeyId(limited) : Id(node.Path), Scope = node.Path, Terms = terms,
        };
    }

    private ModelPrice[] ReadPrices()
    {
        if (_text.Prices is null)
            return [];
        if (_text.Prices.Import is not null)
            _mistakes.Add($"{_path} prices.import: is not supported yet; list the models");
        if (_text.Prices.Unknown != "refuse")
            _mistakes.Add($"{_path} prices.unknown: '{_text.Prices.Unknown}' is not supported yet; use refuse");
        return [.. _text.Prices.Models.Select(price => ReadPrice(price.Key, price.Value ?? new PriceText())).OfType<ModelPrice>()];
    }

    private ModelPrice? ReadPrice(string model, PriceText text)
    {
        var place = $"{_path} prices.models.{model}";
        var before = _mistakes.Count;
        decimal? Read(string field, string? value, bool needed)
        {
            if (value is null && !needed)
                return null;
            if (decimal.TryParse(value, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number))
                return number;
            _mistakes.Add($"{place}.{field}: '{value}' is not a decimal per million tokens such as \"0.15\"");
            return null;
        }
        if (text.Provider is not { Length: > 0 })
            _mistakes.Add($"{place}.provider: is missing; name the upstream's protocol or provider");
        var (input, output) = (Read("input", text.Input, true), Read("output", text.Output, true));
        var (cached, write) = (Read("cached_input", text.CachedInput, false), Read("cache_write", text.CacheWrite, false));
        if (_mistakes.Count > before)
            return null;
        var price = new ModelPrice
        {
            Provider = text.Provider!, Model = model, Currency = (text.Currency ?? "USD").ToUpperInvariant(), Input = input!.Value, CachedInput = cached, CacheWrite = write,
            Output = output!.Value, MaxInputTokens = text.MaxInputTokens, MaxOutputTokens = text.MaxOutputTokens, Version = $"{text.Provider}/{model}@file",
        };
        _mistakes.AddRange(price.Mistakes().Select(mistake => $"{place}.{mistake.Field}: {mistake.Problem}"));
        return price;
    }

    private Node? NodeOf(string? scope, string place)
    {
        if (scope is not null && _nodes.TryGetValue(scope, out var node))
            return node;
        _mistakes.Add($"{place}.scope: '{scope}' is not in orgs; use org, org/team or org/team/user");
        return null;
    }

    private sealed record Node(string Path, string Org, string? Team, string? User);

    private static string KeyId(string name) => Id("key:" + name);

    private static string Id(string path) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(path)).AsSpan(0, 16));
}
