namespace Quota.Local.Running;

/// <summary>The settings of the two processes, as environment variables.</summary>
internal static class AppSettings
{
    private const string CredentialVariable = "DEMO_PROVIDER_KEY";

    public static Dictionary<string, string?> Core(Ports ports, Secrets secrets, string postgres) => new()
    {
        ["Urls"] = Ports.Url(ports.Core),
        ["ConnectionStrings__Postgres"] = postgres,
        ["Gateways__Tokens__0"] = secrets.GatewayToken,
        ["Bootstrap__AdminKey"] = secrets.AdminKey,
        ["Keys__Pepper"] = secrets.Pepper,
        ["Stripe__ApiKey"] = secrets.StripeKey,
        ["Stripe__ApiBase"] = Ports.Url(ports.Stripe),
        ["Stripe__WebhookSecret"] = secrets.WebhookSecret,
        ["TestClock__Enabled"] = "true",
        // Lines of log per request and per statement would be most of what the core does during the demo.
        ["Logging__LogLevel__Microsoft.AspNetCore"] = "Warning",
        ["Logging__LogLevel__Npgsql"] = "Warning",
    };

    public static Dictionary<string, string?> Gateway(Ports ports, Secrets secrets, string redis, DataFolder data) => new()
    {
        ["Urls"] = Ports.Url(ports.Gateway),
        ["Admin__Url"] = Ports.Url(ports.Admin),
        ["ConnectionStrings__Redis"] = redis,
        ["ControlPlane__Url"] = Ports.Url(ports.Core),
        ["ControlPlane__Token"] = secrets.GatewayToken,
        ["Quota__File"] = data.QuotaFile,
        ["Spool__Directory"] = data.Spool,
        [CredentialVariable] = secrets.ProviderCredential,
        ["Logging__LogLevel__Microsoft.AspNetCore"] = "Warning",
    };

    /// <summary>With a control plane only the upstreams stand in the file; keys, limits and prices come from the core.</summary>
    public static void WriteQuotaFile(Ports ports, DataFolder data) => File.WriteAllText(data.QuotaFile,
        $$"""
        # Written by deploy/local/up at each start.
        upstreams:
          openai: { protocol: openai, base_url: "{{Ports.Url(ports.Provider)}}", credential: { env: {{CredentialVariable}} }, models: ["gpt-*"] }

        """);
}
