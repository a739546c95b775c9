using YamlDotNet.Core;
using YamlDotNet.Core.Events;
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
    public PriceBookText? Prices { get; set; }
    public Dictionary<string, string> Aliases { get; set => field = value ?? []; } = [];
    public string Balancing { get; set => field = value ?? ""; } = "first";
}

internal sealed class UpstreamText
{
    public string? Protocol { get; set; }
    public string? BaseUrl { get; set; }
    public string? Provider { get; set; }
    public CredentialText? Credential { get; set; }
    public List<string> Models { get; set => field = value ?? []; } = [];
    public Dictionary<string, string> Names { get; set => field = value ?? []; } = [];
    public Dictionary<string, string> Options { get; set => field = value ?? []; } = [];
    public RefusalsText? Refusals { get; set; }
    public string? OnDisconnect { get; set; }
    public Dictionary<string, MeterText?> Meter { get; set => field = value ?? []; } = [];
    public ModelPlaceText? Model { get; set; }
    public HealthText? Health { get; set; }
}

internal sealed class MeterText
{
    public string? Header { get; set; }
    public string? Json { get; set; }
    public long? Most { get; set; }
}

internal sealed class ModelPlaceText
{
    public string? Header { get; set; }
}

internal sealed class RefusalsText
{
    public int? BudgetStatus { get; set; }
}

internal sealed class HealthText
{
    public string? Path { get; set; }
    public string? Every { get; set; }
    public string? Timeout { get; set; }
}

internal sealed class CredentialText
{
    public string? Env { get; set; }
    public bool None { get; set; }
}

internal sealed class OrgText
{
    public string Timezone { get; set => field = value ?? "UTC"; } = "UTC";
    public string Currency { get; set => field = value ?? "USD"; } = "USD";
    public string? Markup { get; set; }
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

internal sealed class PriceBookText
{
    public Dictionary<string, PriceText> Models { get; set => field = value ?? []; } = [];
    public UnknownPriceText? Unknown { get; set; }
    public List<string> Import { get; set => field = value ?? []; } = [];
}

/// <summary>Either a word (<c>refuse</c>) or a price.</summary>
internal sealed class UnknownPriceText : IYamlConvertible
{
    public string? Word { get; private set; }
    public PriceText? Price { get; private set; }

    public void Read(IParser parser, Type expectedType, ObjectDeserializer nestedObjectDeserializer)
    {
        if (parser.TryConsume<Scalar>(out var word))
            Word = word.Value;
        else
            Price = (PriceText?)nestedObjectDeserializer(typeof(PriceText));
    }

    public void Write(IEmitter emitter, ObjectSerializer nestedObjectSerializer) => throw new NotSupportedException("quota.yaml is only read");
}

internal abstract class RatesText
{
    public string? Input { get; set; }
    public string? CachedInput { get; set; }
    public string? CacheWrite { get; set; }
    [YamlMember(Alias = "cache_write_1h", ApplyNamingConventions = false)]   // by convention it would be cache_write1h
    public string? CacheWrite1h { get; set; }
    public string? AudioInput { get; set; }
    public string? ImageInput { get; set; }
    public string? Output { get; set; }
    public string? Reasoning { get; set; }
    public string? AudioOutput { get; set; }
    public string? ImageOutput { get; set; }
    public string? PerRequest { get; set; }
    public string? PerImage { get; set; }
    public string? PerSecond { get; set; }
    public string? PerCharacter { get; set; }
    public Dictionary<string, string> ToolCalls { get; set => field = value ?? []; } = [];
}

internal sealed class PriceText : RatesText
{
    public string? Provider { get; set; }
    public string? Model { get; set; }
    public List<string> Aliases { get; set => field = value ?? []; } = [];
    public string? EffectiveFrom { get; set; }
    public string? Currency { get; set; }
    public List<VariantText> Variants { get; set => field = value ?? []; } = [];
    public long? MaxInputTokens { get; set; }
    public long? MaxOutputTokens { get; set; }
    public bool? HiddenOutput { get; set; }
}

internal sealed class VariantText : RatesText
{
    public long? AboveInputTokens { get; set; }
    public string? ServiceTier { get; set; }
    public string? From { get; set; }
    public string? To { get; set; }
}
