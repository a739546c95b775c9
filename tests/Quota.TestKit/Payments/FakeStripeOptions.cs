namespace Quota.TestKit;

/// <summary>How to run a <see cref="FakeStripe"/>.</summary>
public sealed record FakeStripeOptions
{
    /// <summary>Port on 127.0.0.1; 0 takes a free one.</summary>
    public int Port { get; init; }

    /// <summary>The secret key that callers must send; every other is answered with 401.</summary>
    public string ApiKey { get; init; } = "sk_test_standin";

    /// <summary>Where webhooks go; null sends none until <see cref="StripeWebhooks.Url"/> is set.</summary>
    public string? WebhookUrl { get; init; }

    /// <summary>Key of the webhooks' signatures.</summary>
    public string WebhookSecret { get; init; } = "whsec_standin";

    /// <summary>File to keep the account's objects in over restarts; null keeps them in memory.</summary>
    public string? StatePath { get; init; }

    /// <summary>Clock of <c>created</c> and of the signatures, which receivers compare with their own.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;
}
