using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Quota.TestKit;

namespace Quota.Gateway.Tests.Forwarding;

/// <summary>The data port with a certificate: HTTP/2 by ALPN, and HTTP/1.1 for those who ask for it.</summary>
public sealed class TlsTests
{
    [Fact]
    public async Task Clients_may_speak_http_2()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var now = TimeProvider.System.GetUtcNow();
        using var certificate = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256).CreateSelfSigned(now.AddDays(-1), now.AddDays(1));
        var file = Path.GetTempFileName();
        await File.WriteAllTextAsync(file, certificate.ExportCertificatePem() + "\n" + key.ExportPkcs8PrivateKeyPem());
        await using var scene = await LimitScene.StartAsync("- { code: rpm, scope: acme, meter: requests, amount: \"100\", window: { kind: day } }", ("Tls__Certificate", file));
        File.Delete(file);

        using var http = new HttpClient(new SocketsHttpHandler { SslOptions = { RemoteCertificateValidationCallback = (_, it, _, _) => it!.GetCertHashString() == certificate.Thumbprint } });
        foreach (var version in new[] { HttpVersion.Version20, HttpVersion.Version11 })
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, scene.Gateway.Url + "/v1/chat/completions")
            {
                Version = version, VersionPolicy = HttpVersionPolicy.RequestVersionExact, Headers = { Authorization = new AuthenticationHeaderValue("Bearer", LimitScene.Ada) },
                Content = new StringContent("""{"model":"gpt-4o-mini","stream":true,"max_tokens":10,"messages":[{"role":"user","content":"hello reply:5"}]}""", Encoding.UTF8, "application/json"),
            };
            using var answer = await http.SendAsync(request);
            (answer.StatusCode, answer.Version).ShouldBe((HttpStatusCode.OK, version));
            FakeProvider.TokensIn(await answer.Content.ReadAsStringAsync()).ShouldBe(5);
        }
        await scene.SettledAsync("rpm", 2);
    }
}
