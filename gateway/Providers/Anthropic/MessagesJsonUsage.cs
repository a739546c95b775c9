namespace Quota.Gateway.Providers.Anthropic;

/// <summary>Usage of a message that comes as one JSON object. The service tier stands inside <c>usage</c>.</summary>
internal sealed class MessagesJsonUsage() : WholeUsage("usage", "model")
{
    protected override void Read()
    {
        ResponseModel = ModelName.Parse(Value("model"));
        if (Value("usage") is not { } raw || MessagesUsage.Parse(raw) is not { } usage)
            return;
        ServiceTier = usage.ServiceTier;
        if (usage.Counts is { } counts)
            (Usage, UsageRaw) = (counts, raw);
    }
}
