using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using Quota.Shared.ControlPlane;

namespace Quota.Gateway.Limits.Facts;

/// <summary>Tells the core, or, stand-alone, a webhook: one POST of a <see cref="FactReport"/>; any 2xx confirms it.</summary>
internal sealed class HttpFactSink(HttpClient http, Uri address, GatewayIdentity identity, ILogger<HttpFactSink> log) : IFactSink
{
    public async Task TellAsync(IReadOnlyList<LimitFact> facts, CancellationToken cancellation)
    {
        using var response = await http.PostAsJsonAsync(address, new FactReport(identity.Instance, facts), FactJson.Default.FactReport, cancellation);
        if (response.StatusCode is not (HttpStatusCode.BadRequest or HttpStatusCode.RequestEntityTooLarge or HttpStatusCode.UnprocessableEntity))
        {
            response.EnsureSuccessStatusCode();
            return;
        }
        if (facts is [var refused])
        {
            log.FactRefused(refused.Id, refused.Kind, (int)response.StatusCode);   // it never will be taken: it must not hold up the others
            return;
        }
        await TellAsync([.. facts.Take(facts.Count / 2)], cancellation);
        await TellAsync([.. facts.Skip(facts.Count / 2)], cancellation);
    }

    /// <summary>
    /// A handler that looks at the address when it dials, after the name was resolved: link-local addresses (where clouds keep their
    /// credentials) and multicast are nobody's webhook.
    /// </summary>
    public static SocketsHttpHandler CarefulHandler() => new()
    {
        AllowAutoRedirect = false,
        UseProxy = false,
        ConnectTimeout = TimeSpan.FromSeconds(5),
        ConnectCallback = static async (context, cancellation) =>
        {
            var found = await Dns.GetHostAddressesAsync(context.DnsEndPoint.Host, cancellation);
            var allowed = Array.FindAll(found, address => !IsForbidden(address));
            if (allowed.Length == 0)
                throw new HttpRequestException($"{context.DnsEndPoint.Host} has no address that may be called");
            var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            try
            {
                await socket.ConnectAsync(allowed, context.DnsEndPoint.Port, cancellation);
                return new NetworkStream(socket, ownsSocket: true);
            }
            catch
            {
                socket.Dispose();
                throw;
            }
        },
    };

    internal static bool IsForbidden(IPAddress address)
    {
        if (address.IsIPv4MappedToIPv6)
            address = address.MapToIPv4();
        var bytes = address.GetAddressBytes();
        return address.IsIPv6LinkLocal || address.IsIPv6Multicast || address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any)
            || (bytes.Length == 4 && ((bytes[0] == 169 && bytes[1] == 254) || bytes[0] >= 224));
    }
}

/// <summary>Without a core and without a webhook the log is told.</summary>
internal sealed class LogFactSink(ILogger<LogFactSink> log) : IFactSink
{
    public Task TellAsync(IReadOnlyList<LimitFact> facts, CancellationToken cancellation)
    {
        foreach (var fact in facts.Where(fact => fact.Kind == LimitFact.Threshold))
            log.ThresholdCrossed(fact.Limit ?? "?", fact.Org, fact.Share);
        return Task.CompletedTask;
    }
}
