using Quota.Shared.Hosting;

namespace Quota.Billing.Access;

/// <summary>The secrets of the settings. Never logged; mistakes name the setting, not the value.</summary>
internal sealed class AccessOptions
{
    private const int MinTokenLength = 16;
    private const int MinPepperBytes = 16;

    /// <summary><c>Bootstrap__AdminKey</c>; null: made and printed once at first start.</summary>
    public string? AdminKey { get; init; }

    /// <summary><c>Gateways__Tokens__0…</c>; none: no gateway may pull or ship.</summary>
    public IReadOnlyList<string> GatewayTokens { get; init; } = [];

    /// <summary><c>Keys__Pepper</c>, base64, at least 16 bytes; null: made at first start and kept in the database.</summary>
    public byte[]? Pepper { get; init; }

    public static AccessOptions Read(IConfiguration settings, SettingsReport report)
    {
        var adminKey = settings["Bootstrap:AdminKey"];
        var tokens = settings.GetSection("Gateways:Tokens").GetChildren().ToDictionary(item => item.Key, item => item.Value ?? "");
        if (!string.IsNullOrEmpty(adminKey))
            CheckToken("Bootstrap__AdminKey", adminKey, report);
        foreach (var (index, token) in tokens)
        {
            CheckToken($"Gateways__Tokens__{index}", token, report);
            if (token == adminKey)
                report.Add($"Gateways__Tokens__{index}", "is the admin key too; a gateway needs a token of its own");
        }
        return new AccessOptions
        {
            AdminKey = string.IsNullOrEmpty(adminKey) ? null : adminKey,
            GatewayTokens = [.. tokens.Values],
            Pepper = ReadPepper(settings["Keys:Pepper"], report),
        };
    }

    private static void CheckToken(string setting, string token, SettingsReport report)
    {
        if (token.Length is < MinTokenLength or > 512 || token.Any(letter => letter is <= ' ' or > '~'))
            report.Add(setting, $"must be {MinTokenLength} to 512 visible ASCII characters without spaces");
    }

    private static byte[]? ReadPepper(string? text, SettingsReport report)
    {
        if (string.IsNullOrEmpty(text))
            return null;
        var bytes = new byte[text.Length];
        if (Convert.TryFromBase64String(text, bytes, out var count) && count >= MinPepperBytes)
            return bytes[..count];
        report.Add("Keys__Pepper", $"must be base64 of at least {MinPepperBytes} random bytes, e.g. from `openssl rand -base64 32`");
        return null;
    }
}
