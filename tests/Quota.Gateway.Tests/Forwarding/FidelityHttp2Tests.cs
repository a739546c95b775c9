using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;

namespace Quota.Gateway.Tests.Forwarding;

/// <summary>An upstream that speaks HTTP/2 over TLS is spoken to so, and nothing is lost on the way to a client of HTTP/1.1.</summary>
public sealed class FidelityHttp2Tests : IAsyncLifetime
{
    private readonly TaskCompletionSource _aborted = new(TaskCreationOptions.RunContinuationsAsynchronously), _goOn = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("quota-certificate-");
    private readonly List<string> _spoken = [];
    private WebApplication _upstream = null!;
    private FidelityScene _scene = null!;

    public async ValueTask InitializeAsync()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var asked = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        asked.CertificateExtensions.Add(names.Build());
        asked.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        var now = TimeProvider.System.GetUtcNow();
        using var certificate = asked.CreateSelfSigned(now.AddDays(-1), now.AddDays(1));
        var file = Path.Combine(_folder.FullName, "upstream.pem");
        await File.WriteAllTextAsync(file, certificate.ExportCertificatePem());

        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelHttpsConfiguration().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen =>
        {
            listen.Protocols = HttpProtocols.Http1AndHttp2;
            listen.UseHttps(X509CertificateLoader.LoadPkcs12(certificate.Export(X509ContentType.Pfx), null));
        }));
        _upstream = builder.Build();
        _upstream.Run(AnswerAsync);
        await _upstream.StartAsync();
        _scene = new FidelityScene { Upstream = $"https://localhost:{new Uri(_upstream.Urls.Single()).Port}", Settings = new Dictionary<string, string?> { ["SSL_CERT_FILE"] = file } };
        await _scene.InitializeAsync();
    }

    public async ValueTask DisposeAsync()
    {
        _goOn.TrySetResult();
        await _scene.DisposeAsync();
        await _upstream.DisposeAsync();
        _folder.Delete(recursive: true);
    }

    [Fact]
    public async Task Bytes_status_headers_and_trailers_pass()
    {
        var bytes = RandomNumberGenerator.GetBytes(1_000_000);
        var (head, body) = await _scene.AskAsync("POST /any/echo?a=b", $"Content-Length: {bytes.Length}", bytes);
        head.ShouldStartWith("HTTP/1.1 202 ");
        (RawClient.Values(head, "x-target").Single(), RawClient.Values(head, "Trailer").Single()).ShouldBe(("/echo?a=b", "x-checksum"));
        RawServer.Bytes("\r\n0\r\nx-checksum: abc\r\n\r\n").ShouldBe(body[^24..]);
        Dechunked(body).AsSpan().SequenceEqual(bytes).ShouldBeTrue();
        _spoken.ShouldBe(["HTTP/2"]);
    }

    [Fact]
    public async Task A_stream_passes_as_it_comes_and_ends_with_its_client()
    {
        using var client = await RawClient.ConnectAsync(_scene.Gateway.Url);
        await client.SendAsync(RawServer.Bytes(FidelityScene.Head("POST /v1/chat/completions", $"Content-Type: application/json\nContent-Length: {Chat.Length}").ReplaceLineEndings("\r\n") + "\r\n\r\n" + Chat));
        (await client.HeadAsync()).ShouldStartWith("HTTP/1.1 200 ");
        (await client.HeadAsync()).ShouldContain("\"content\":\"hi\"");   // the first event, to its empty line, while the upstream waits
        client.Dispose();
        await _aborted.Task.WaitAsync(TimeSpan.FromSeconds(20));
        (await _scene.Gateway.EventsAsync(1)).Single().GetProperty("status").GetString().ShouldBe("cancelled");
        await _scene.NothingHeldAsync();
    }

    private const string Chat = """{"model":"gpt-4o-mini","messages":[{"role":"user","content":"hi"}],"stream":true,"max_tokens":50}""";

    private async Task AnswerAsync(HttpContext context)
    {
        var (request, response) = (context.Request, context.Response);
        lock (_spoken)
            _spoken.Add(request.Protocol);
        if (request.Path == "/echo")
        {
            response.StatusCode = 202;
            response.Headers["x-target"] = request.Path + request.QueryString;
            response.DeclareTrailer("x-checksum");
            await request.Body.CopyToAsync(response.Body);
            response.AppendTrailer("x-checksum", "abc");
            return;
        }
        response.ContentType = "text/event-stream";
        await response.WriteAsync("data: {\"id\":\"x\",\"object\":\"chat.completion.chunk\",\"model\":\"gpt-4o-mini\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"},\"finish_reason\":null}]}\r\n\r\n");
        try
        {
            await _goOn.Task.WaitAsync(context.RequestAborted);
        }
        catch (OperationCanceledException)
        {
            _aborted.TrySetResult();
        }
    }

    private static byte[] Dechunked(byte[] body)
    {
        var bytes = new List<byte>();
        for (var at = 0; ;)
        {
            var end = Array.IndexOf(body, (byte)'\r', at);
            var size = Convert.ToInt32(System.Text.Encoding.ASCII.GetString(body, at, end - at), 16);
            if (size == 0)
                return [.. bytes];
            bytes.AddRange(body.AsSpan(end + 2, size));
            at = end + 2 + size + 2;
        }
    }
}
