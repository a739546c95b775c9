using Quota.Shared.ControlPlane;

namespace Quota.Gateway.ControlPlane;

/// <summary>Reads the limits of <c>quota.yaml</c>. Every mistake is noted with the limit's code and field.</summary>
internal sealed class LimitsText(QuotaFileText file, string path, List<string> mistakes, Func<string?, string, FileNode?> nodeOf)
{
    private static readonly string[] Levels = ["org", "team", "user", "key"];

    public SnapshotLimit[] Read()
    {
        SnapshotLimit[] limits = [.. file.Limits.Select(Read).OfType<SnapshotLimit>()];
        foreach (var twice in limits.GroupBy(limit => (limit.OrgId, limit.Code)).Where(group => group.Count() > 1))
            mistakes.Add($"{path} limits: code '{twice.Key.Code}' stands twice; a code is unique in its org");
        foreach (var limit in limits.Where(limit => limit.Overrides is not null))
            CheckOverride(limit, limits);
        limits = [.. limits.Select(limit => limit with { Below = BelowOf(limit.Overrides is null ? limit : limits.FirstOrDefault(other => other.OrgId == limit.OrgId && other.Code == limit.Overrides)) })];
        foreach (var twice in limits.Where(limit => limit.Overrides is not null).GroupBy(limit => (limit.NodeId, limit.Overrides)).Where(group => group.Count() > 1))
            mistakes.Add($"{path} limits.{string.Join(", ", twice.Select(limit => limit.Code))}: override '{twice.Key.Overrides}' for the same node; keep one");
        return limits;
    }

    private static string? BelowOf(SnapshotLimit? limit) => limit is { Each: not null } && limit.NodeId != limit.OrgId ? limit.NodeId : null;

    private SnapshotLimit? Read(LimitText text)
    {
        var place = $"{path} limits.{text.Code ?? "(no code)"}";
        var before = mistakes.Count;
        if (text.Code is not { Length: > 0 and <= 100 } code || code.Any(c => c is '"' or '\\' or < ' ' or > '~'))
            mistakes.Add($"{place}.code: is needed, at most 100 visible ASCII characters, no quotes");
        var node = nodeOf(text.Scope, place);
        if (text.Key is { } key && !file.Keys.Any(other => other.Name == key && other.Scope == text.Scope))
            mistakes.Add($"{place}.key: '{key}' is not one of keys with scope '{text.Scope}'");
        var kind = text.Key is not null ? "key" : node?.Kind ?? "org";
        if (text.Each is { } each && Array.IndexOf(Levels, each) <= Array.IndexOf(Levels, kind))
            mistakes.Add($"{place}.each: '{each}' does not lie below {kind} '{text.Scope}'; use {string.Join(" or ", Levels.SkipWhile(level => level != kind).Skip(1).DefaultIfEmpty("no each"))}");
        if (text is { Each: not null, Overrides: not null })
            mistakes.Add($"{place}.overrides: replaces a default for one node, so it has no each of its own; remove one");
        var terms = Terms(text, node, place);
        mistakes.AddRange(terms.Mistakes().Select(mistake => $"{place}.{mistake.Field}: {mistake.Problem}"));
        return node is null || mistakes.Count > before ? null : new SnapshotLimit
        {
            Code = text.Code!, OrgId = FileNode.Id(node.Org), NodeId = text.Key is { } limited ? FileNode.KeyId(limited) : FileNode.Id(node.Path),
            Scope = text.Key is null ? node.Path : $"{node.Path}/{text.Key}", Each = text.Each, Overrides = text.Overrides, Terms = terms,
        };
    }

    private LimitTerms Terms(LimitText text, FileNode? node, string place)
    {
        if (!TryDecimal(text.Amount, out var amount))
            mistakes.Add($"{place}.amount: '{text.Amount}' is not a decimal such as \"100.00\"");
        decimal? burst = null;
        if (text.Window?.Burst is { } written)
        {
            if (TryDecimal(written, out var read))
                burst = read;
            else
                mistakes.Add($"{place}.window.burst: '{written}' is not a decimal such as \"100\"");
        }
        return new LimitTerms
        {
            Meter = text.Meter ?? "",
            Amount = amount,
            Currency = Meters.IsMoney(text.Meter ?? "") && node is not null ? (file.Orgs[node.Org]?.Currency ?? "USD").ToUpperInvariant() : null,
            Window = text.Window is null ? LimitWindow.None
                : new LimitWindow { Kind = text.Window.Kind ?? "", Every = text.Window.Every, Burst = burst, Timezone = text.Window.Timezone, StartsOn = text.Window.StartsOn },
            Mode = text.Mode,
            Selector = text.Selector is not { } selector ? null : new LimitSelector
            {
                Models = selector.Models, Providers = selector.Providers, Endpoints = selector.Endpoints, Environments = selector.Environments, Tags = selector.Tags,
            },
            Thresholds = [.. text.Thresholds.Select(share => ReadShare(share, place))],
            Hold = text.Hold,
            Clamp = text.Clamp,
        };
    }

    private decimal ReadShare(string text, string place)
    {
        if (TryDecimal(text, out var share))
            return share;
        mistakes.Add($"{place}.thresholds: '{text}' is not a decimal such as \"0.8\"");
        return 1;
    }

    private void CheckOverride(SnapshotLimit limit, SnapshotLimit[] limits)
    {
        var place = $"{path} limits.{limit.Code}.overrides";
        var text = file.Limits.First(other => other.Code == limit.Code && nodeOf(other.Scope, "") is { } node && FileNode.Id(node.Org) == limit.OrgId);
        if (limits.FirstOrDefault(other => other.OrgId == limit.OrgId && other.Code == limit.Overrides) is not { Each: { } each } replaced)
            mistakes.Add($"{place}: '{limit.Overrides}' is not the code of a limit with each in this org");
        else if (each != (text.Key is not null ? "key" : nodeOf(text.Scope, place)?.Kind) || !Above(text).Contains(replaced.NodeId))
            mistakes.Add($"{place}: '{limit.Overrides}' limits each {each} below {replaced.Scope}, and {limit.Scope} is none of them");
        else if (Counts(limit) != Counts(replaced))
            mistakes.Add($"{place}: counts something else than '{limit.Overrides}'; meter, window and selector must be the same (amount, burst, mode, thresholds, hold and clamp may differ)");
    }

    /// <summary>The ids of the nodes strictly above a limit's own.</summary>
    private IEnumerable<string> Above(LimitText text) => nodeOf(text.Scope, "") is not { } node ? [] : text.Key is not null ? node.Chain : node.Chain.Skip(1);

    private static string Counts(SnapshotLimit limit) => CounterName.Identity("", limit.Terms, limit.Terms.Window.Timezone ?? "", "");

    private static bool TryDecimal(string? text, out decimal number) => decimal.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out number);
}
