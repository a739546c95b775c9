using System.Net;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Quota.Gateway.Forwarding;
using Quota.Gateway.Limits;
using Quota.Gateway.Providers;
using Quota.Gateway.Providers.OpenAi;
using Quota.Gateway.Spool;
using Quota.Gateway.Tests.Providers;
using Quota.Shared.Usage;
using Quota.TestKit;
using Yarp.ReverseProxy.Forwarder;

namespace Quota.Gateway.Tests.Metering;

/// <summary>Calls through real YARP, Kestrel and sockets, without limits, store or spool: what only those show.</summary>
public sealed class ForwardedCallTests : IAsyncLifetime
{
    private static readonly OpenAiAdapter Adapter = new();
    private readonly HttpClient _http = new(new SocketsHttpHandler { UseProxy = false });
    private FakeProvider _provider = null!;
    private WebApplication _gateway = null!;
    private Uri _upstream = null!;
    private Func<long, ValueTask<bool>>? _cover;
    private bool _stepwise;
    private long? _clampedTo;
    private string[] _warnings = [];
    private SomeCall? _call;

    public async ValueTask InitializeAsync()
    {
        _provider = await FakeProvider.StartAsync();
        _upstream = new Uri(_provider.BaseUrl);
        _gateway = Host(builder => builder.Services.AddHttpForwarder());
        var forwarder = new CallForwarder(_gateway.Services.GetRequiredService<IHttpForwarder>(), new ForwardingOptions { Timeout = TimeSpan.FromSeconds(20), ConnectTimeout = TimeSpan.FromSeconds(5) }, new OpenEvents(), new GatewayClock(TimeProvider.System));
        _gateway.Run(async context =>
        {
            using var body = (await RequestBody.ReadAsync(context.Request, 1 << 20, context.RequestAborted))!;
            var (target, upstream) = (new CallTarget(Adapter.Routes[0]), new Upstream("openai", "openai", _upstream, FakeProvider.DefaultCredential, ["*"]));
            var request = Adapter.Prepare(Adapter.ReadRequest(target, body.Bytes, new Microsoft.AspNetCore.Http.HeaderDictionary()).Request!, upstream);
            _call = new SomeCall(Adapter.ReaderFor(target, request, upstream), SomeCall.NewHold(_stepwise, _clampedTo, _warnings), _cover, request.Stream);
            await forwarder.ForwardAsync(context, new ForwardedCall(Adapter, upstream, upstream.AddressOf(target.Route.Template), request, request.BodyWith(_clampedTo), _call.Meter, _call.Hold));
        });
        await _gateway.StartAsync();
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await _gateway.DisposeAsync();
        await _provider.DisposeAsync();
    }

    [Theory]
    [InlineData("")]
    [InlineData(",\"stream_options\":{\"include_usage\":true}")]
    public async Task A_cut_stream_ends_normally_for_the_client_and_at_once_for_the_provider(string options)
    {
        (_stepwise, _cover) = (true, tokens => ValueTask.FromResult(tokens <= 200));
        using var response = await PostAsync("hello reply:320 pace:100", ",\"stream\":true" + options);   // 32 chunks of 10 tokens, 50 bytes each

        response.StatusCode.ShouldBe(HttpStatusCode.OK);
        var read = new ChatStreamText(await response.Content.ReadAsStringAsync());
        read.IsDone.ShouldBeTrue();
        read.Choices[0].ShouldBe(("assistant", string.Join(' ', Enumerable.Repeat("tick", 40)), "length"));
        (read.Usage is null).ShouldBe(options.Length == 0);
        var end = _call!.Ends.ShouldHaveSingleItem();
        (end.Status, end.Estimated, end.Usage.OutputTokens, end.Usage.InputTokens).ShouldBe((UsageStatus.CutOff, true, 50, 9));

        await Eventually.TrueAsync("the provider saw it", () => _provider.Served.Totals.Cut == 1);
        _provider.Served.Totals.CutOutputTokens.ShouldBeLessThan(120, "a drain of two seconds would be 200 tokens more");
    }

    [Fact]
    public async Task A_hold_lost_in_mid_stream_cuts_it()
    {
        _cover = _ => ValueTask.FromResult(false);
        using var response = await PostAsync("hello reply:320 pace:50", ",\"stream\":true,\"stream_options\":{\"include_usage\":true}", HttpCompletionOption.ResponseHeadersRead);
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());
        var text = new StringBuilder();
        for (var lines = 0; lines < 8; lines++)
            text.Append(await reader.ReadLineAsync()).Append('\n');
        _call!.Hold.IsLost = true;
        text.Append(await reader.ReadToEndAsync());
        var read = new ChatStreamText(text.ToString());
        (read.IsDone, read.Choices[0].Finish, _call.Ends.Single().Status).ShouldBe((true, "length", UsageStatus.CutOff));
        read.Choices[0].Text.Length.ShouldBeLessThan(320 * 5 / 2);
    }

    [Fact]
    public async Task An_inserted_bound_reaches_the_provider_and_is_announced_with_the_warnings()
    {
        (_clampedTo, _warnings) = (5, ["team-month;used=9;of=8", "acme-day;used=2;of=1"]);
        foreach (var stream in new[] { "", ",\"stream\":true" })
        {
            using var response = await PostAsync("hello reply:100", stream);
            response.Headers.GetValues("x-quota-clamped").ShouldBe(["5"]);
            response.Headers.GetValues("x-quota-warning").ShouldBe(_warnings);
            (await response.Content.ReadAsStringAsync()).ShouldContain("\"finish_reason\":\"length\"");
            _call!.Ends.Single().Usage.OutputTokens.ShouldBe(5);
        }
    }

    [Fact]
    public async Task Headers_pass_but_for_those_that_say_who_someone_is()
    {
        var seen = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        await using var upstream = Host();
        upstream.Run(async context =>
        {
            foreach (var header in context.Request.Headers)
                seen[header.Key] = header.Value.ToString();
            seen["body"] = await new StreamReader(context.Request.Body).ReadToEndAsync();
            foreach (var (name, value) in new[] { ("Set-Cookie", "a=b"), ("x-ratelimit-limit-requests", "1"), ("RateLimit", "1"), ("OpenAI-Organization", "us"), ("x-quota-clamped", "1"), ("openai-processing-ms", "7"), ("x-request-id", "req_1") })
                context.Response.Headers[name] = value;
            context.Response.Headers["x-two"] = new[] { "a", "b" };
            context.Response.ContentType = "application/json";
            await context.Response.WriteAsync("""{"model":"m","usage":{"prompt_tokens":1,"completion_tokens":1}}""");
        });
        await upstream.StartAsync();
        _upstream = new Uri(UrlOf(upstream));
        const string body = """{"model":"gpt-4o-mini","messages":[],"max_tokens":1}""";
        using var request = new HttpRequestMessage(HttpMethod.Post, UrlOf(_gateway) + "/v1/chat/completions?key=secret") { Content = new StringContent(body, Encoding.UTF8, "application/json") };
        foreach (var name in new[] { "x-api-key", "api-key", "x-goog-api-key", "OpenAI-Organization", "openai-project", "x-request-id", "Idempotency-Key", "Cookie", "Forwarded", "Via", "X-Real-IP", "X-Forwarded-For", "x-forwarded-whatever", "TE", "Keep-Alive" })
            request.Headers.TryAddWithoutValidation(name, "client");
        request.Headers.TryAddWithoutValidation("Authorization", "Bearer client");
        request.Headers.TryAddWithoutValidation("Accept-Encoding", "br");
        request.Headers.TryAddWithoutValidation("x-stainless-lang", "js");
        request.Headers.TryAddWithoutValidation("x-many", ["1", "2"]);
        using var response = await _http.SendAsync(request);

        (await response.Content.ReadAsStringAsync()).ShouldContain("\"model\":\"m\"");
        seen.Values.ShouldNotContain(value => value.Contains("client"));
        seen["Authorization"].ShouldBe("Bearer " + FakeProvider.DefaultCredential);
        seen["Accept-Encoding"].ShouldBe("identity");
        seen["x-stainless-lang"].ShouldBe("js");
        seen["x-many"].Replace(" ", "", StringComparison.Ordinal).ShouldBe("1,2");
        seen["Content-Type"].ShouldBe("application/json; charset=utf-8");
        seen["Content-Length"].ShouldBe(body.Length.ToString(System.Globalization.CultureInfo.InvariantCulture));
        seen["Host"].ShouldBe(_upstream.Authority);
        seen["body"].ShouldBe(body);
        var id = _call!.Meter.Begin.Id.ToString();
        seen["x-request-id"].ShouldBe(id);
        response.Headers.GetValues("x-request-id").ShouldBe([id]);
        response.Headers.GetValues("openai-processing-ms").ShouldBe(["7"]);
        string.Join(',', response.Headers.GetValues("x-two")).Replace(" ", "", StringComparison.Ordinal).ShouldBe("a,b");
        foreach (var name in new[] { "Set-Cookie", "x-ratelimit-limit-requests", "RateLimit", "OpenAI-Organization", "x-quota-clamped" })
            response.Headers.Contains(name).ShouldBeFalse(name);
        _call.Ends.Single().ProviderRequestId.ShouldBe("req_1");
    }

    private async Task<HttpResponseMessage> PostAsync(string words, string more, HttpCompletionOption until = HttpCompletionOption.ResponseContentRead)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, UrlOf(_gateway) + "/v1/chat/completions")
        {
            Content = new StringContent($$"""{"model":"gpt-4o-mini","messages":[{"role":"user","content":{{JsonSerializer.Serialize(words)}}}]{{more}}}""", Encoding.UTF8, "application/json"),
        };
        return await _http.SendAsync(request, until);
    }

    private static WebApplication Host(Action<WebApplicationBuilder>? more = null)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        more?.Invoke(builder);
        return builder.Build();
    }

    private static string UrlOf(WebApplication app) => app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single();
}
