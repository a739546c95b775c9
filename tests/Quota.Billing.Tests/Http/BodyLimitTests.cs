using System.IO.Compression;
using System.Net;
using System.Text;

namespace Quota.Billing.Tests.Http;

/// <summary>Limits small enough that a refused body still fits the socket's buffers, so that the client reads the answer.</summary>
public sealed class BodyLimitTests
{
    [Fact]
    public async Task Bodies_over_the_limit_are_413_however_they_come()
    {
        await using var app = await BillingApp.StartAsync(new Dictionary<string, string?> { ["Http:MaxBodyBytes"] = "2048", ["Ingest:MaxBodyBytes"] = "4096" });
        var large = Encoding.UTF8.GetBytes("{\"customer\":{\"name\":\"" + new string('x', 6_000) + "\"}}");
        (await PostAsync(app.Admin, "/api/v1/customers", new ByteArrayContent(large))).ShouldBe(HttpStatusCode.RequestEntityTooLarge);
        (await PostAsync(app.Admin, "/api/v1/customers", new StreamContent(new Unsized(large)))).ShouldBe(HttpStatusCode.RequestEntityTooLarge);

        // 6 KB of x are 50 bytes of gzip: the limit holds after decompression.
        (await PostAsync(app.Gateway, "/internal/v1/usage", Gzip(large))).ShouldBe(HttpStatusCode.RequestEntityTooLarge);
        (await PostAsync(app.Gateway, "/internal/v1/usage", Gzip("{\"instance\":\"gw\",\"events\":[]}"u8.ToArray()))).ShouldBe(HttpStatusCode.OK);
    }

    private static async Task<HttpStatusCode> PostAsync(HttpClient client, string path, HttpContent content)
    {
        using var response = await client.PostAsync(path, content);
        var text = await response.Content.ReadAsStringAsync();
        if (!response.IsSuccessStatusCode)
            text.ShouldStartWith("""{"status":413,"error":""");
        return response.StatusCode;
    }

    private static ByteArrayContent Gzip(byte[] bytes)
    {
        var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.SmallestSize, leaveOpen: true))
            gzip.Write(bytes);
        var content = new ByteArrayContent(packed.ToArray());
        content.Headers.ContentEncoding.Add("gzip");
        return content;
    }

    /// <summary>Sent in chunks, because its length is not known.</summary>
    private sealed class Unsized(byte[] bytes) : MemoryStream(bytes)
    {
        public override bool CanSeek => false;
    }
}
