using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Quota.Gateway.Diagnostics;
using Quota.Gateway.Shipping;
using Quota.Gateway.Spool;
using Quota.Shared.Hosting;

namespace Quota.Gateway.Tests.Shipping;

/// <summary>Where events can go, and how that is set.</summary>
public sealed class SinkTests
{
    [Theory]
    [InlineData(false, "application/x-ndjson")]
    [InlineData(true, "application/json")]
    public async Task The_http_sink_posts_events_as_they_are(bool asArray, string contentType)
    {
        await using var scene = await ShipScene.StartAsync();
        scene.Options = scene.Options with { Sink = "http", Url = new Uri(scene.Core.Url, "/any/path"), AsArray = asArray };
        var ids = await scene.CallsAsync(20);
        await scene.ShipAsync(scene.HttpSink());
        await scene.ShippedAsync();
        scene.Core.Stored.Keys.ShouldBe(ids, ignoreOrder: true);
        scene.Core.Batches.ShouldAllBe(batch => batch.Path == "/any/path" && batch.ContentType == contentType && batch.Settled.Count == 0);
        var spooled = scene.Spool.Read(scene.Spool.Start).Where(entry => entry.Kind == RecordKind.End).Select(entry => System.Text.Encoding.UTF8.GetString(entry.Payload));
        scene.Core.Stored.Values.ShouldBe(spooled, ignoreOrder: true);
    }

    [Fact]
    public void All_mistakes_are_told_at_once()
    {
        var report = new SettingsReport();
        ShippingOptions.Read(Of(report, ("Events__Sink", "http"), ("Events__Format", "xml"), ("Events__InFlight", "17"), ("Events__BatchTime", "1h"), ("Events__BatchSize", "0")), hasCore: false);
        var told = Should.Throw<SettingsException>(report.ThrowIfAny).Message;
        foreach (var name in new[] { "Events__Url: is missing", "Events__Format", "Events__InFlight", "Events__BatchTime", "Events__BatchSize" })
            told.ShouldContain(name);
    }

    [Theory]
    [InlineData("file", 1)]
    [InlineData("stdout", 1)]
    [InlineData("http", 4)]
    public void What_is_one_file_takes_one_batch_after_the_other(string sink, int inFlight) =>
        ShippingOptions.Read(Of(new SettingsReport(), ("Events__Sink", sink), ("Events__Url", "http://localhost/x")), hasCore: true).InFlight.ShouldBe(inFlight);

    [Theory]
    [InlineData("", 200, 3)]
    [InlineData("?last=2", 200, 2)]
    [InlineData("?last=many", 422, 0)]
    public async Task Events_set_aside_are_shown_on_the_admin_port(string query, int status, int lines)
    {
        await using var scene = await ShipScene.StartAsync();
        scene.Core.StatusOf = _ => "rejected";
        await scene.CallsAsync(3);
        await scene.ShipAsync();
        await scene.ShippedAsync();
        var context = new DefaultHttpContext { RequestServices = new ServiceCollection().AddSingleton(scene.Aside).BuildServiceProvider() };
        (context.Request.QueryString, context.Response.Body) = (new QueryString(query), new MemoryStream());
        await SetAsideEndpoint.ShowAsync(context);
        context.Response.StatusCode.ShouldBe(status);
        var answer = JsonElement.Parse(((MemoryStream)context.Response.Body).ToArray());
        if (status == 200)
            (answer.GetProperty("counts").GetProperty("rejected").GetInt32(), answer.GetProperty("latest").GetArrayLength()).ShouldBe((3, lines));
    }

    private static Settings Of(SettingsReport report, params (string Name, string Value)[] settings) =>
        new(new ConfigurationBuilder().AddInMemoryCollection(settings.Select(it => KeyValuePair.Create(it.Name.Replace("__", ":", StringComparison.Ordinal), (string?)it.Value))).Build(), report);
}
