using Quota.Gateway.Metering;
using Quota.Shared.Usage;

namespace Quota.Gateway.Forwarding;

/// <summary>Sends one call so that its answer is waited for even when its client goes before it has begun.</summary>
internal sealed class DrainingInvoker(HttpMessageHandler handler, CallMeter meter, ClientGone gone) : HttpMessageInvoker(handler, disposeHandler: false)
{
    /// <exception cref="OperationCanceledException">The client has gone. Its call is ended with what the answer said, or with what is known of it.</exception>
    public override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var response = await gone.WaitAsync(base.SendAsync(request, gone.Watch(cancellationToken)), meter);
        if (!gone.HasGone)
            return response;
        using (response)
        {
            meter.Answered(response);
            if (response.IsSuccessStatusCode)
                await new UsageObservingStream(await response.Content.ReadAsStreamAsync(gone.Token), meter, response.Content.Headers.ContentLength, hidesUsage: false, gone).DrainAsync();
            else
                await meter.EndAsync(UsageStatus.Failed);
        }
        throw new OperationCanceledException(cancellationToken);
    }
}
