using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using Quota.Shared.ControlPlane;

namespace Quota.Gateway.ControlPlane;

/// <summary>Asks the core for its control snapshot.</summary>
internal sealed class ControlSnapshotClient(HttpClient http, GatewayIdentity identity)
{
    /// <summary>A snapshot larger than this is refused.</summary>
    public const int MaxBytes = 256 << 20;

    /// <summary>The snapshot if it differs from <paramref name="knownVersion"/>, else null.</summary>
    /// <exception cref="HttpRequestException">The core is away or says no.</exception>
    /// <exception cref="JsonException">What it sent is no snapshot.</exception>
    public async Task<ControlSnapshot?> FetchAsync(string? knownVersion, CancellationToken cancellation)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "internal/v1/snapshot");
        request.Headers.Add(ControlSnapshot.Gateway, identity.Instance);
        if (knownVersion is not null)
            request.Headers.IfNoneMatch.Add(new EntityTagHeaderValue($"\"{knownVersion}\""));
        using var response = await http.SendAsync(request, cancellation);
        if (response.StatusCode == HttpStatusCode.NotModified)
            return null;
        response.EnsureSuccessStatusCode();
        await using var body = await response.Content.ReadAsStreamAsync(cancellation);
        return await JsonSerializer.DeserializeAsync(body, SnapshotJson.Default.ControlSnapshot, cancellation) ?? throw new JsonException("the snapshot is null");
    }
}
