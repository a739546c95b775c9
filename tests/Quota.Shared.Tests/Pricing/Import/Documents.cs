using Quota.Shared.Pricing;
using Quota.Shared.Pricing.Import;

namespace Quota.Shared.Tests.Pricing.Import;

/// <summary>The two public documents of <c>tests/data</c>, as bytes and as read.</summary>
internal static class Documents
{
    public static readonly byte[] LiteLlmBytes = File.ReadAllBytes(TestData("litellm-model-prices.json"));

    public static readonly byte[] GenAiBytes = File.ReadAllBytes(TestData("genai-prices-v2.json"));

    public static readonly PriceImport LiteLlm = PriceDocument.Read(LiteLlmBytes);

    public static readonly PriceImport GenAi = PriceDocument.Read(GenAiBytes);

    /// <summary>The only price of a model.</summary>
    public static ModelPrice One(this PriceImport import, string provider, string model) => import.Prices.Single(price => price.Provider == provider && price.Model == model);

    public static ModelPrice[] History(this PriceImport import, string provider, string model) =>
        [.. import.Prices.Where(price => price.Provider == provider && price.Model == model)];

    public static string WhySkipped(this PriceImport import, string name) => import.Skipped.Single(skipped => skipped.Name == name).Reason;

    private static string TestData(string name)
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "Quota.sln")))
            folder = folder.Parent;
        return Path.Combine(folder?.FullName ?? throw new DirectoryNotFoundException("no folder with Quota.sln above the tests"), "tests", "data", name);
    }
}
