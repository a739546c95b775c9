using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Stripe;

namespace Quota.TestKit;

/// <summary>
/// An HTTP stand-in for Stripe that Stripe.net talks to through <c>StripeClientOptions.ApiBase</c>: Customers, PaymentMethods and
/// PaymentIntents with Stripe's states, refusals and test cards, idempotency keys, and signed webhooks. Unknown parameters are refused.
/// Answers are made from Stripe's own example objects. <c>GET /_log/captures</c> lists what was charged. Disposing stops it.
/// </summary>
public sealed class FakeStripe : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly StripeState _state;
    private readonly StripeCharges _charges;
    private readonly FakeStripeOptions _options;

    private FakeStripe(FakeStripeOptions options)
    {
        _options = options;
        _state = new StripeState(options.StatePath);
        Webhooks = new StripeWebhooks(options.WebhookUrl, options.WebhookSecret, options.Time);
        _charges = new StripeCharges(_state, Faults, Emit);
        var endpoint = new StripeEndpoint(new StripeRoutes(_state, _charges, Emit, options.Time), Faults, options, () => Captures);
        _app = LoopbackHost.Build(options.Port);
        _app.Run(endpoint.AnswerAsync);
    }

    /// <summary>For <c>StripeClientOptions.ApiBase</c>.</summary>
    public string BaseUrl { get; private set; } = "";

    /// <summary>The key that it takes.</summary>
    public string ApiKey => _options.ApiKey;

    /// <summary>What goes wrong on purpose.</summary>
    public StripeFaults Faults { get; } = new();

    /// <summary>The events it sends.</summary>
    public StripeWebhooks Webhooks { get; }

    /// <summary>Every successful charge, oldest first.</summary>
    public IReadOnlyList<StripeCapture> Captures
    {
        get
        {
            lock (_state.Gate)
                return [.. _state.Captures];
        }
    }

    /// <summary>Starts one.</summary>
    public static async Task<FakeStripe> StartAsync(FakeStripeOptions? options = null)
    {
        var stripe = new FakeStripe(options ?? new FakeStripeOptions());
        await stripe._app.StartAsync();
        stripe.BaseUrl = LoopbackHost.UrlOf(stripe._app);
        return stripe;
    }

    /// <summary>A Stripe.net client that talks to it and never retries by itself.</summary>
    public StripeClient Client() => new(new StripeClientOptions
    {
        ApiKey = ApiKey,
        ApiBase = BaseUrl,
        HttpClient = new SystemNetHttpClient(maxNetworkRetries: 0, enableTelemetry: false),
    });

    /// <summary>Ends an intent that <see cref="StripeFaults.HoldInProcessing"/> left in <c>processing</c>: paid, or declined by the bank.</summary>
    public void CompleteProcessing(string paymentIntent, bool succeeded = true)
    {
        lock (_state.Gate)
        {
            var intent = _state.Find("payment_intent", paymentIntent);
            if (StripeCharges.StatusOf(intent) != "processing")
                throw new InvalidOperationException($"{paymentIntent} is {StripeCharges.StatusOf(intent)}, not processing.");
            if (succeeded)
                _charges.Succeed(intent);
            else
            {
                var method = _state.Find("payment_method", intent["payment_method"]!.GetValue<string>());
                _charges.Decline(intent, method, TestCard.Named("chargeCustomerFail")!);
            }

            _state.Save();
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await Webhooks.DisposeAsync();
        await _app.DisposeAsync();
    }

    private void Emit(string type, JsonObject subject)
    {
        var made = StripeTemplates.New("event", StripeIds.New("evt"), _options.Time);
        made["type"] = type;
        // EventUtility refuses an event of another API version than the one that Stripe.net was built for.
        made["api_version"] = StripeConfiguration.ApiVersion;
        made["pending_webhooks"] = 1;
        made["data"] = new JsonObject { ["object"] = subject.DeepClone() };
        Webhooks.Add(made["id"]!.GetValue<string>(), type, made.ToJsonString());
    }
}
