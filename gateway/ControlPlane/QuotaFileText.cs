using YamlDotNet.Serialization;

namespace Quota.Gateway.ControlPlane;

// The shape of quota.yaml as people write it; names are the file's words in snake_case. An unknown word is a mistake.
// Words that the gateway does not act on yet are listed so that they are refused by name instead of being ignored.

internal sealed class QuotaFileText
{
    public Dictionary<string, UpstreamText> Upstreams { get; set => field = value ?? []; } = [];
    public Dictionary<string, OrgText> Orgs { get; set => field = value ?? []; } = [];
    public List<KeyText> Keys { get; set => field = value ?? []; } = [];
    public List<LimitText> Limits { get; set => field = value ?? []; } = [];
    public PricesText? Prices { get; set; }
    public object? Aliases { get; set; }
}

internal sealed class UpstreamText
{
    public string? Protocol { get; set; }
    public string? BaseUrl { get; set; }
    public CredentialText? Credential { get; set; }
    public List<string> Models { get; set => field = value ?? []; } = [];
}

internal sealed class CredentialText
{
    public string? Env { get; set; }
}

internal sealed class OrgText
{
    public string Timezone { get; set => field = value ?? "UTC"; } = "UTC";
    public string Currency { get; set => field = value ?? "USD"; } = "USD";
    public Dictionary<string, TeamText> Teams { get; set => field = value ?? []; } = [];
}

internal sealed class TeamText
{
    public List<string> Users { get; set => field = value ?? []; } = [];
}

internal sealed class KeyText
{
    public string? Name { get; set; }
    public string? Secret { get; set; }
    public string? Sha256 { get; set; }
    public string? Scope { get; set; }
    public List<string> Models { get; set => field = value ?? []; } = [];
    public string? Environment { get; set; }
    public Dictionary<string, string> Tags { get; set => field = value ?? []; } = [];
}

internal sealed class LimitText
{
    public string? Code { get; set; }
    public string? Scope { get; set; }
    public string? Key { get; set; }
    public string? Meter { get; set; }
    public string? Amount { get; set; }
    public WindowText? Window { get; set; }
    public string Mode { get; set => field = value ?? ""; } = "hard";
    public string? Each { get; set; }
    public string? Overrides { get; set; }
    public SelectorText? Selector { get; set; }
    public List<string> Thresholds { get; set => field = value ?? []; } = [];
    public string Hold { get; set => field = value ?? ""; } = "bounded";
    public bool Clamp { get; set; } = true;
}

internal sealed class SelectorText
{
    public List<string> Models { get; set => field = value ?? []; } = [];
    public List<string> Providers { get; set => field = value ?? []; } = [];
    public List<string> Endpoints { get; set => field = value ?? []; } = [];
    public List<string> Environments { get; set => field = value ?? []; } = [];
    public Dictionary<string, string> Tags { get; set => field = value ?? []; } = [];
}

internal sealed class WindowText
{
    public string? Kind { get; set; }
    public string? Every { get; set; }
    public string? Burst { get; set; }
    public string? Timezone { get; set; }
    public string? StartsOn { get; set; }
}

internal sealed class PricesText
{
    public Dictionary<string, PriceText> Models { get; set => field = value ?? []; } = [];
    public string Unknown { get; set => field = value ?? ""; } = "refuse";
    public object? Import { get; set; }
}

internal sealed class PriceText
{
    public string? Provider { get; set; }
    public string? Currency { get; set; }
    public string? Input { get; set; }
    public string? CachedInput { get; set; }
    public string? CacheWrite { get; set; }
    [YamlMember(Alias = "cache_write_1h", ApplyNamingConventions = false)]   // by convention it would be cache_write1h
    public string? CacheWrite1h { get; set; }
    public string? Output { get; set; }
    public long? MaxInputTokens { get; set; }
    public long? MaxOutputTokens { get; set; }
    public bool? HiddenOutput { get; set; }
}
