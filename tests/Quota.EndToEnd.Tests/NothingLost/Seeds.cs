using System.Globalization;

namespace Quota.EndToEnd.Tests.NothingLost;

/// <summary>Everything random in a proof follows from one number, which it prints.</summary>
internal static class Seeds
{
    public static int Next(ITestOutputHelper output)
    {
        var seed = Environment.GetEnvironmentVariable("QUOTA_SEED") is { } text ? int.Parse(text, CultureInfo.InvariantCulture) : Random.Shared.Next(1_000_000);
        output.WriteLine($"seed {seed} (QUOTA_SEED={seed} runs it again)");
        return seed;
    }
}
