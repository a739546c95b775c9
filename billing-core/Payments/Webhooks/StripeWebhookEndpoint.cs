using Microsoft.AspNetCore.Mvc;
using Quota.Billing.Http;

namespace Quota.Billing.Payments.Webhooks;

/// <summary>
/// <c>POST /webhooks/stripe</c>: checks the signature on the raw bytes, stores the event once and says 200, also to repeats and to
/// kinds we do not know. It acts on nothing: the outbox looks the PaymentIntent up at Stripe, so a webhook is only a hint to look.
/// </summary>
internal static class StripeWebhookEndpoint
{
    /// <summary>Stripe's events stay far below; everybody may call this.</summary>
    private const int MaxBytes = 512 * 1024;

    public static void MapStripeWebhook(this WebApplication app) => app.MapPost("/webhooks/stripe", Receive)
        .AllowAnonymous()
        .WithMetadata(new RequestSizeLimitAttribute(MaxBytes));

    private static async Task<IResult> Receive(HttpContext context, StripeOptions options, StripeEventStore store, ILogger<StripeEvent> log)
    {
        if (options.WebhookSecret is not { } secret)
            return ApiErrors.Busy(StatusCodes.Status503ServiceUnavailable, TimeSpan.FromHours(1), "webhooks_not_configured");
        if (await ReadAsync(context.Request, context.RequestAborted) is not { } bytes)
            return ApiErrors.Of(StatusCodes.Status413PayloadTooLarge);
        var header = context.Request.Headers[StripeTerms.SignatureHeader].ToString();
        if (StripeSignature.Verify(bytes, header, secret) is not { } body)
        {
            Log.BadSignature(log);
            return ApiErrors.Of(StatusCodes.Status400BadRequest, "bad_signature");
        }
        if (StripeEvent.Read(body) is not { } news || !JsonText.IsClean(body))
            return ApiErrors.BadRequest("the body is no event");
        var added = await store.AddAsync(news, body);
        Log.Received(log, news.Id, news.Type, added);
        return Results.Ok(new { received = true });
    }

    /// <summary>The bytes as they came; null when there are too many, announced or not.</summary>
    private static async Task<byte[]?> ReadAsync(HttpRequest request, CancellationToken cancel)
    {
        if (request.ContentLength > MaxBytes)
            return null;
        using var buffer = new MemoryStream();
        var chunk = new byte[16 * 1024];
        for (int read; (read = await request.Body.ReadAsync(chunk, cancel)) > 0;)
        {
            if (buffer.Length + read > MaxBytes)
                return null;
            buffer.Write(chunk, 0, read);
        }
        return buffer.ToArray();
    }
}
