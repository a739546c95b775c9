using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Quota.TestKit;

namespace Quota.Gateway.Tests.Forwarding;

/// <summary>Uploads: whole or as they arrive, slow, too large, broken off; one event each, and nothing stays held.</summary>
public sealed class FidelityUploadTests : IAsyncLifetime
{
    private const int File = 25_000_000, MiB = 1 << 20;

    /// <summary>More than HttpClient gathers before it sends (a few kilobytes).</summary>
    private const int Piece = 100_000;

    private const string OpenAi = "/v1/audio/transcriptions", Azure = "/openai/deployments/whisper/audio/transcriptions?api-version=2024-10-21", Any = "/any/upload";

    private readonly TaskCompletionSource _first = new(TaskCreationOptions.RunContinuationsAsynchronously), _aborted = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<string?> _expected = [];
    private WebApplication _upstream = null!;
    private FidelityScene? _scene;
    private long _bytes;
    private byte[]? _hash;

    public async ValueTask InitializeAsync()
    {
        _upstream = LoopbackHost.Build(0);
        _upstream.Run(TakeAsync);
        await _upstream.StartAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (_scene is not null)
            await _scene.DisposeAsync();
        await _upstream.DisposeAsync();
    }

    [Theory]
    [InlineData(OpenAi, false, false)]
    [InlineData(OpenAi, true, false)]
    [InlineData(OpenAi, false, true)]
    [InlineData(Azure, false, false)]
    [InlineData(Azure, true, false)]
    [InlineData(Azure, false, true)]
    [InlineData(Any, true, true)]
    public async Task Twenty_five_megabytes_pass(string path, bool expect, bool chunked)
    {
        var scene = await StartAsync();
        using var form = Form(RandomNumberGenerator.GetBytes(File));
        var sent = await form.ReadAsByteArrayAsync();
        using var request = scene.Request(HttpMethod.Post, path, form);
        request.Headers.ExpectContinue = expect;
        request.Headers.TransferEncodingChunked = chunked;
        using var answer = await scene.Http.SendAsync(request);
        answer.StatusCode.ShouldBe(HttpStatusCode.OK, await answer.Content.ReadAsStringAsync());
        _hash.ShouldBe(SHA256.HashData(sent));
        _expected.ShouldHaveSingleItem().ShouldBe(expect && path != OpenAi ? "100-continue" : null, "who has the body already does not ask for it");
        var it = await EventAsync(answer);
        (it.GetProperty("status").GetString(), it.GetProperty("estimated").GetBoolean(), it.GetProperty("usage").GetProperty("bytes_in").GetInt64()).ShouldBe(("completed", false, sent.Length));
    }

    [Theory]
    [InlineData(OpenAi)]
    [InlineData(Any)]
    public async Task Curl_is_told_to_continue(string path)
    {
        var scene = await StartAsync();
        var file = Path.Combine(scene.Gateway.Folder.FullName, "audio.wav");
        await System.IO.File.WriteAllBytesAsync(file, RandomNumberGenerator.GetBytes(File));
        var said = await CaptiveProcess.RunAsync(new CaptiveCommand("curl", "-sS", "--http1.1", "--expect100-timeout", "60", "-H", "Expect: 100-continue", "-H", "Authorization: Bearer " + FidelityScene.Ada, "-F", "model=whisper-1", "-F", "file=@" + file, "-w", "%{http_code}", scene.Gateway.Url + path), TimeSpan.FromSeconds(20));
        said.ShouldContain("200");
        _bytes.ShouldBeGreaterThan(File);
    }

    [Theory]
    [InlineData(Azure)]
    [InlineData(Any)]
    public async Task A_body_goes_up_while_it_arrives(string path)
    {
        var scene = await StartAsync();
        using var body = new PushedContent(async stream =>
        {
            await stream.WriteAsync(new byte[Piece]);
            await stream.FlushAsync();
            await _first.Task.WaitAsync(TimeSpan.FromSeconds(20));   // the upstream has it, and the rest is still to be sent
            await stream.WriteAsync(new byte[Piece]);
        });
        using var request = scene.Request(HttpMethod.Post, path, body);
        using var answer = await scene.Http.SendAsync(request);
        answer.StatusCode.ShouldBe(HttpStatusCode.OK);
        _bytes.ShouldBe(2 * Piece);
    }

    [Fact]
    public async Task The_gateway_does_not_grow_by_what_passes()
    {
        var scene = await StartAsync(("Limits__MaxUploadBytes", $"{300 * MiB}"));
        async Task PassAsync(int mebibytes)
        {
            using var body = new PushedContent(async stream =>
            {
                for (var i = 0; i < mebibytes; i++)
                    await stream.WriteAsync(new byte[MiB]);
            });
            using var request = scene.Request(HttpMethod.Post, Any, body);
            using var answer = await scene.Http.SendAsync(request);
            answer.StatusCode.ShouldBe(HttpStatusCode.OK);
        }
        await PassAsync(8);
        var before = MostMemory(scene);
        await PassAsync(250);
        _bytes.ShouldBe(258L * MiB);
        (MostMemory(scene) - before).ShouldBeLessThan(80L * MiB, "a third of the body is more than any buffer, pool and collector need");
    }

    [Theory]
    [InlineData(OpenAi)]
    [InlineData(Azure)]
    [InlineData(Any)]
    public async Task A_length_that_is_too_large_is_refused_before_anything_is_sent(string path)
    {
        var scene = await StartAsync(("Limits__MaxUploadBytes", $"{MiB}"));
        using var client = await RawClient.ConnectAsync(scene.Gateway.Url);
        await client.SendAsync(RawServer.Bytes(FidelityScene.Head($"POST {path}", $"Connection: close\nContent-Length: {MiB + 1}").ReplaceLineEndings("\r\n") + "\r\n\r\n"));
        (await client.HeadAsync()).ShouldStartWith("HTTP/1.1 413 ");
        _expected.ShouldBeEmpty();
        scene.Gateway.Events().ShouldBeEmpty();
    }

    [Theory]
    [InlineData(OpenAi, 0)]
    [InlineData(Azure, 1)]
    [InlineData(Any, 1)]
    public async Task Chunks_that_become_too_large_are_refused_and_the_upstream_is_left(string path, int events)
    {
        var scene = await StartAsync(("Limits__MaxUploadBytes", $"{MiB}"));
        using var client = await RawClient.ConnectAsync(scene.Gateway.Url);
        await client.SendAsync(RawServer.Bytes(FidelityScene.Head($"POST {path}", "Transfer-Encoding: chunked\nContent-Type: multipart/form-data; boundary=x").ReplaceLineEndings("\r\n") + "\r\n\r\n"));
        await client.SendAsync([.. RawServer.Bytes($"{MiB + 1:x}\r\n"), .. new byte[MiB + 1]]);   // and no end
        (await client.HeadAsync()).ShouldStartWith("HTTP/1.1 413 ");
        await EndedAsync(scene, events, "failed");
    }

    [Theory]
    [InlineData(OpenAi, 0)]
    [InlineData(Azure, 1)]
    [InlineData(Any, 1)]
    public async Task A_client_that_goes_while_it_sends_leaves_one_event_and_no_hold(string path, int events)
    {
        var scene = await StartAsync();
        using (var client = await RawClient.ConnectAsync(scene.Gateway.Url))
        {
            await client.SendAsync([.. RawServer.Bytes(FidelityScene.Head($"POST {path}", "Content-Length: 1000000\nContent-Type: multipart/form-data; boundary=x").ReplaceLineEndings("\r\n") + "\r\n\r\n"), .. new byte[Piece]]);
            if (events > 0)
                await _first.Task.WaitAsync(TimeSpan.FromSeconds(20));
        }
        await EndedAsync(scene, events, "cancelled");
    }

    [Theory]
    [InlineData(OpenAi, 0)]
    [InlineData(Azure, 1)]
    public async Task A_client_that_stops_sending_is_not_waited_for(string path, int events)
    {
        // Kestrel's MinRequestBodyDataRate: 240 bytes a second after 5 s. 408 is the status of a request that did not come in time (RFC 9110, 15.5.9).
        var scene = await StartAsync();
        using var client = await RawClient.ConnectAsync(scene.Gateway.Url);
        await client.SendAsync([.. RawServer.Bytes(FidelityScene.Head($"POST {path}", "Content-Length: 1000000\nContent-Type: multipart/form-data; boundary=x").ReplaceLineEndings("\r\n") + "\r\n\r\n"), .. new byte[1000]]);
        (await client.HeadAsync()).ShouldMatch("^HTTP/1.1 40[08] ");
        (await scene.Gateway.EventsAsync(events)).ShouldAllBe(it => it.GetProperty("status").GetString() == "failed");
        await scene.NothingHeldAsync();
    }

    [Fact]
    public async Task An_upstream_that_refuses_at_once_is_heard()
    {
        var scene = await StartAsync();
        using var client = await RawClient.ConnectAsync(scene.Gateway.Url);
        await client.SendAsync(RawServer.Bytes(FidelityScene.Head("POST /any/refuse", "Expect: 100-continue\nContent-Length: 1000000").ReplaceLineEndings("\r\n") + "\r\n\r\n"));
        (await client.HeadAsync()).ShouldStartWith("HTTP/1.1 403 ");   // no 100 before it: the body was never wanted
    }

    private async Task<FidelityScene> StartAsync(params (string Name, string Value)[] settings)
    {
        _scene = new FidelityScene { Upstream = LoopbackHost.UrlOf(_upstream), Settings = settings.ToDictionary(it => it.Name, it => (string?)it.Value) };
        await _scene.InitializeAsync();
        return _scene;
    }

    /// <summary>Reads a body, and answers as a transcription that was billed by the second.</summary>
    private async Task TakeAsync(HttpContext context)
    {
        context.Features.GetRequiredFeature<IHttpMaxRequestBodySizeFeature>().MaxRequestBodySize = null;
        _expected.Add(context.Request.Headers.Expect);
        if (context.Request.Path == "/refuse")
        {
            context.Response.StatusCode = 403;
            return;
        }
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = new byte[64 * 1024];
        try
        {
            while (await context.Request.Body.ReadAsync(buffer, context.RequestAborted) is var count and > 0)
            {
                hash.AppendData(buffer.AsSpan(0, count));
                _bytes += count;
                _first.TrySetResult();
            }
        }
        catch (Exception problem) when (problem is IOException or OperationCanceledException or BadHttpRequestException)
        {
            _aborted.TrySetResult();
            return;
        }
        _hash = hash.GetHashAndReset();
        context.Response.ContentType = "application/json";
        await context.Response.WriteAsync("""{"text":"hello","usage":{"type":"duration","seconds":9}}""");
    }

    private static MultipartFormDataContent Form(byte[] file) => new()
    {
        { new StringContent("whisper-1"), "model" }, { new ByteArrayContent(file) { Headers = { ContentType = new MediaTypeHeaderValue("audio/wav") } }, "file", "a.wav" },
    };

    private static Task<JsonElement> EventAsync(FidelityScene scene, HttpResponseMessage answer) => scene.EventOfAsync(answer.Headers.GetValues("x-request-id").Single());

    private Task<JsonElement> EventAsync(HttpResponseMessage answer) => EventAsync(_scene!, answer);

    /// <summary>Waits until the upstream was left, when it was asked, and there are so many events.</summary>
    private async Task EndedAsync(FidelityScene scene, int events, string status)
    {
        if (events > 0)
            await _aborted.Task.WaitAsync(TimeSpan.FromSeconds(20));
        (await scene.Gateway.EventsAsync(events)).ShouldAllBe(it => it.GetProperty("status").GetString() == status);
        await scene.NothingHeldAsync();
        _expected.Count.ShouldBe(events);
        scene.Gateway.Events().Count.ShouldBe(events);
    }

    /// <summary>The most memory that the gateway has had so far, in bytes (proc(5), VmHWM).</summary>
    private static long MostMemory(FidelityScene scene) => 1024 * long.Parse(
        System.IO.File.ReadLines($"/proc/{scene.Gateway.Process.Pid}/status").Single(line => line.StartsWith("VmHWM:", StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture);

    /// <summary>A body without a length that is written while it is sent.</summary>
    private sealed class PushedContent(Func<Stream, Task> write) : HttpContent
    {
        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) => write(stream);

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }
}
