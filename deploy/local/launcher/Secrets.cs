using System.Security.Cryptography;
using System.Text.Json;

namespace Quota.Local;

/// <summary>An API key of the demo org. The core shows its secret once, so it is kept here.</summary>
internal sealed record DemoKey(string Id, string Secret);

/// <summary>Random secrets of one data folder, made at first use; the file is readable by its owner alone.</summary>
internal sealed record Secrets
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    public string AdminKey { get; init; } = "admin_" + Random();

    public string GatewayToken { get; init; } = "gw_" + Random();

    public string Pepper { get; init; } = Convert.ToBase64String(RandomNumberGenerator.GetBytes(32));

    public string PostgresPassword { get; init; } = Random();

    public string ProviderCredential { get; init; } = "sk-provider-" + Random();

    public string StripeKey { get; init; } = "sk_test_" + Random();

    public string WebhookSecret { get; init; } = "whsec_" + Random();

    /// <summary>The demo org's customer at Stripe, once made.</summary>
    public string? StripeCustomer { get; init; }

    /// <summary>Keys by the name of their user.</summary>
    public Dictionary<string, DemoKey> Keys { get; init; } = [];

    public static Secrets LoadOrMake(string path)
    {
        if (File.Exists(path))
            return JsonSerializer.Deserialize<Secrets>(File.ReadAllText(path)) ?? throw new LocalError($"{path} is empty; remove it to begin anew.");
        var made = new Secrets();
        made.Save(path);
        return made;
    }

    public void Save(string path)
    {
        var options = new FileStreamOptions
        {
            Mode = FileMode.Create,
            Access = FileAccess.Write,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        };
        using (var stream = new FileStream(path + ".new", options))
            JsonSerializer.Serialize(stream, this, Indented);
        File.Move(path + ".new", path, overwrite: true);
    }

    private static string Random() => RandomNumberGenerator.GetHexString(32, lowercase: true);
}
