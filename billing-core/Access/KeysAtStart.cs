using System.Buffers.Text;
using System.Security.Cryptography;
using Quota.Billing.Database;
using Quota.Shared.Hosting;

namespace Quota.Billing.Access;

/// <summary>
/// Reads, or at the first start makes, the pepper and the admin key. A made admin key is printed once and only its hash is kept;
/// replicas that start at once agree on one.
/// </summary>
internal sealed class KeysAtStart(AccessOptions options, InstallationStore installation, CoreKeys keys) : StartStep
{
    private const int RandomBytes = 32;

    public override async Task StartingAsync(CancellationToken cancellationToken)
    {
        var pepper = await PepperAsync();
        keys.Set(pepper, await AdminHashAsync(pepper));
    }

    private async Task<byte[]> PepperAsync()
    {
        var stored = options.Pepper is { } given
            ? (Value: Convert.ToBase64String(given), Added: false)
            : await installation.GetOrAddAsync("pepper", Convert.ToBase64String(RandomNumberGenerator.GetBytes(RandomBytes)));
        var pepper = Convert.FromBase64String(stored.Value);
        // Every stored key hash depends on the pepper; with another one, all keys would be dead without a word.
        var mark = Convert.ToHexStringLower(HMACSHA256.HashData(pepper, "pepper"u8)[..8]);
        if ((await installation.GetOrAddAsync("pepper_mark", mark)).Value != mark)
        {
            throw new SettingsException(["Keys__Pepper: is not the one that this database's API keys were hashed with; "
                + "put the old one back (leave it unset when it was made at first start)"]);
        }
        return pepper;
    }

    private async Task<byte[]> AdminHashAsync(byte[] pepper)
    {
        const string Name = "admin_key_hash";
        if (options.AdminKey is { } given)
        {
            var hash = CoreKeys.Hash(pepper, given);
            await installation.SetAsync(Name, Convert.ToHexStringLower(hash));
            return hash;
        }
        var made = "qa_" + Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(RandomBytes));
        var (value, added) = await installation.GetOrAddAsync(Name, Convert.ToHexStringLower(CoreKeys.Hash(pepper, made)));
        if (added)
            await Console.Out.WriteLineAsync($"Admin key, shown this once (set Bootstrap__AdminKey to choose your own): {made}");
        return Convert.FromHexString(value);
    }
}
