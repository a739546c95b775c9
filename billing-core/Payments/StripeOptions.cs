using Quota.Shared.Hosting;

namespace Quota.Billing.Payments;

/// <summary>Settings under <c>Stripe</c>. Secrets are never logged, and mistakes do not show them.</summary>
internal sealed class StripeOptions
{
    public const string DefaultApiBase = "https://api.stripe.com";

    /// <summary><c>Stripe__ApiKey</c>, secret or restricted. Absent: nothing is collected.</summary>
    public string? ApiKey { get; init; }

    /// <summary><c>Stripe__ApiBase</c>, <see cref="DefaultApiBase"/> by default.</summary>
    public string ApiBase { get; init; } = DefaultApiBase;

    /// <summary><c>Stripe__WebhookSecret</c>, <c>whsec_…</c>. Absent: every webhook is refused.</summary>
    public string? WebhookSecret { get; init; }

    /// <summary><c>Stripe__Timeout</c>, 1 to 80 s, 30 s by default; after it an answer counts as lost.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(30);

    public bool Collects => ApiKey is not null;

    public static StripeOptions Read(IConfiguration configuration, SettingsReport report)
    {
        var settings = new Settings(configuration, report);
        return new StripeOptions
        {
            ApiKey = Secret(settings, "Stripe__ApiKey"),
            ApiBase = settings.Address("Stripe__ApiBase")?.GetLeftPart(UriPartial.Authority) ?? DefaultApiBase,
            WebhookSecret = Secret(settings, "Stripe__WebhookSecret"),
            Timeout = settings.Duration("Stripe__Timeout", TimeSpan.FromSeconds(30), TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(80)),
        };
    }

    private static string? Secret(Settings settings, string name)
    {
        if (settings.Text(name) is not { } secret)
            return null;
        if (secret.Length is < 8 or > 512 || secret.Any(letter => letter is <= ' ' or > '~'))
            settings.Report.Add(name, "must be 8 to 512 visible ASCII characters without spaces, as Stripe's dashboard shows it");
        return secret;
    }
}
