namespace Quota.Gateway.Providers.Bedrock;

/// <summary>
/// Bedrock Runtime's routes (docs.aws.amazon.com/bedrock/latest/APIReference/API_Operations_Amazon_Bedrock_Runtime.html). The model in the path is an id, that of
/// an inference profile, or an ARN, percent-encoded. Counting tokens costs nothing.
/// </summary>
internal static class BedrockRoutes
{
    public static readonly ProviderRoute Converse = new("/model/{model}/converse", "chat");
    public static readonly ProviderRoute ConverseStream = new("/model/{model}/converse-stream", "chat");
    public static readonly ProviderRoute Invoke = new("/model/{model}/invoke", "chat");
    public static readonly ProviderRoute InvokeStream = new("/model/{model}/invoke-with-response-stream", "chat");
    public static readonly ProviderRoute CountTokens = new("/model/{model}/count-tokens", "chat") { IsFree = true };

    public static readonly IReadOnlyList<ProviderRoute> All = [Converse, ConverseStream, Invoke, InvokeStream, CountTokens];

    public static bool IsConverse(ProviderRoute route) => route == Converse || route == ConverseStream;

    public static bool Streams(ProviderRoute route) => route == ConverseStream || route == InvokeStream;
}
