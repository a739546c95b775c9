using System.Globalization;
using System.Text;
using Quota.Gateway.ControlPlane;
using Quota.Gateway.Limits;
using Quota.Shared.ControlPlane;

namespace Quota.Gateway.Tests.Limits.Model;

/// <summary>
/// A tree's limits and what then happens, as plain data. The tree: org 0; teams 1 and 2; users 3 and 4 of team 1, 5 of team 2; keys 6 to
/// 8 of users 3 to 5, key 9 of team 1 itself.
/// </summary>
internal sealed record Scenario(IReadOnlyList<ModelLimit> Limits, IReadOnlyList<Step> Steps)
{
    public static readonly IReadOnlyDictionary<int, int[]> Paths = new Dictionary<int, int[]> { [6] = [0, 1, 3, 6], [7] = [0, 1, 4, 7], [8] = [0, 2, 5, 8], [9] = [0, 1, 9] };

    private static readonly byte[] Pepper = new byte[32];
    private static readonly Dictionary<string, ILimitKind> Kinds = LimitsRegistration.Kinds().ToDictionary(kind => kind.Name);

    public static string KindOf(int node) => node switch { 0 => "org", <= 2 => "team", <= 5 => "user", _ => "key" };

    public static string IdOf(string org, int node) => node == 0 ? org : $"{node:x32}";

    /// <summary>What a core would send with these limits.</summary>
    public static ControlState Compile(string org, IEnumerable<ModelLimit> limits, DateTimeOffset began) => new(
        new ControlSnapshot
        {
            Version = "1", Pepper = Convert.ToBase64String(Pepper), Orgs = [new SnapshotOrg(org, "acme", "UTC", "USD")],
            Keys = [.. Paths.Select(path => new SnapshotKey
            {
                Id = IdOf(org, path.Key), Hash = KeyHash.HexOfSecret(Pepper, $"key {path.Key}"), OrgId = org, TeamId = IdOf(org, path.Value[1]), Team = $"t{path.Value[1]}",
                UserId = path.Value.Length > 3 ? IdOf(org, path.Value[2]) : null, User = path.Value.Length > 3 ? $"u{path.Value[2]}" : null,
            })],
            Limits = [.. limits.Select(limit => new SnapshotLimit
            {
                Code = limit.Code, OrgId = org, NodeId = IdOf(org, limit.Node), Each = limit.Each, Below = limit.Below is { } below ? IdOf(org, below) : null, Scope = $"node {limit.Node}", Terms = limit.Terms, Since = limit.IsNew ? began : null,
            })],
        },
        Kinds);

    public override string ToString()
    {
        var text = new StringBuilder().AppendLine().AppendLine("limits");
        foreach (var limit in Limits)
            text.Append("  ").AppendLine(limit.ToString());
        text.AppendLine("steps");
        for (var i = 0; i < Steps.Count; i++)
            text.Append(CultureInfo.InvariantCulture, $"  {i}: ").AppendLine(Steps[i].ToString());
        return text.ToString();
    }
}

/// <summary>A limit. <paramref name="Units"/> and <paramref name="Burst"/> are nano-units for money.</summary>
internal sealed record ModelLimit(int Number, int Node, string? Each, string Meter, string Kind, string? Every, string? Zone, string? StartsOn, long Units, long? Burst, string Mode, bool Clamp, decimal[] Thresholds, bool IsNew)
{
    public string Code => $"l{Number}";

    public LimitWindow Window => Meter == Meters.Concurrency ? LimitWindow.None
        : new LimitWindow { Kind = Kind, Every = Kind == "rate" ? Every : null, Burst = Kind == "rate" ? Amount(Burst) : null, Timezone = Zone, StartsOn = StartsOn };

    public LimitTerms Terms => new()
    {
        Meter = Meter, Amount = Amount(Units)!.Value, Currency = Meters.IsMoney(Meter) ? "USD" : null, Window = Window, Mode = Mode, Clamp = Clamp,
        Thresholds = Window.IsRate || Window.IsNone ? [] : Thresholds,
    };

    /// <summary>The most that used + held may be.</summary>
    public long MostAtOnce => Kind == "rate" && Meter != Meters.Concurrency ? Burst ?? Units : Units;

    public bool IsHard => Mode == LimitTerms.Hard;

    /// <summary>Equal for limits that count the same on one node.</summary>
    public string Counts => $"{Meter} {Window} {(Window.IsRate ? Code : Window.IsCalendar ? $"{Zone ?? "UTC"} {StartsOn ?? Kind switch { "week" => "monday", "month" => "1", _ => "01-01" }}" : "")} {Below}";

    /// <summary>A default below a team or user counts the calls below that alone.</summary>
    public int? Below => Each is not null && Node != 0 ? Node : null;

    public bool AppliesTo(int node, int[] path) =>
        Each is null ? node == Node : Scenario.KindOf(node) == Each && Array.IndexOf(path, Node) is >= 0 and var above && above < Array.IndexOf(path, node);

    public override string ToString() =>
        $"{Code} on {(Each is null ? "" : $"each {Each} below ")}{Node}: {Meter} {Window}{(Window.IsNone ? "" : $" {StartsOn} {Zone}")} {Mode} {Units}{(Window.IsRate ? $" burst {Burst}" : "")}{(Clamp ? " clamp" : "")}{(Terms.Thresholds.Count > 0 ? $" thresholds {string.Join(' ', Thresholds)}" : "")}{(IsNew ? " new" : "")}";

    private decimal? Amount(long? units) => Meters.IsMoney(Meter) ? units / 1_000_000_000m : units;
}

/// <summary>What happens next. Holds are named by the number of the request, modulo how many there were; gateway 1's clock is behind, gateway 2's holds live 1 ms.</summary>
internal abstract record Step
{
    /// <summary>A request asks to run. <paramref name="Price"/> chooses nano-units per token, some with fractions.</summary>
    internal sealed record Reserve(int Gateway, int Key, int Input, int Least, int Most, int Choices, int Price, int Images) : Step;

    /// <summary>The same reserve is sent once more, perhaps by another gateway.</summary>
    internal sealed record Again(int Gateway, int Request) : Step;

    /// <summary>Settles to this share of what was held, and a fraction of a unit.</summary>
    internal sealed record Settle(int Gateway, int Request, int Percent, int Billionths) : Step;

    internal sealed record Release(int Gateway, int Request) : Step;

    /// <summary>Extends to this share of what was held at first; an old one begins to count its sequence anew.</summary>
    internal sealed record Extend(int Gateway, int Request, int Percent, bool IsOld) : Step;

    internal sealed record Reap : Step;

    /// <summary>Charges a call that ran without the store, of a new request (-1) or of one that asked before.</summary>
    internal sealed record Charge(int Gateway, int Key, int Request, int Units, int Billionths) : Step;

    internal sealed record Seed(int Gateway, int Key, int Counter, int Units, int Version) : Step;

    internal sealed record Shift(long ByMs) : Step;

    /// <summary>To so many milliseconds after the turn of the next month in a zone.</summary>
    internal sealed record ToMonthEnd(string Zone, int Ms) : Step;

    /// <summary>A limit is edited; gateway i hears of it when bit i is set.</summary>
    internal sealed record Change(int Limit, int Gateways, int Percent, string Mode, bool Clamp, decimal[] Thresholds) : Step
    {
        public override string ToString() => $"Change {{ Limit = {Limit}, Gateways = {Gateways}, Percent = {Percent}, Mode = {Mode}, Clamp = {Clamp}, Thresholds = {string.Join(' ', Thresholds)} }}";
    }

    /// <summary>Settle, release, extend of an id that nobody knows.</summary>
    internal sealed record Unknown(int Gateway, int Key) : Step;
}
