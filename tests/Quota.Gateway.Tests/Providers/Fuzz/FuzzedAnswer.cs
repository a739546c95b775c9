using System.Buffers.Binary;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Quota.Gateway.Providers;
using Quota.Gateway.Providers.Generic;
using Quota.Gateway.Tests.Providers.Framing;
using Quota.TestKit;

namespace Quota.Gateway.Tests.Providers.Fuzz;

/// <summary>A sound answer and who reads it. One without bytes stands for a reader that only gets noise.</summary>
internal sealed record FuzzedAnswer(string Name, byte[] Bytes, bool IsStream, Func<UsageReader> Reader)
{
    public static readonly IReadOnlyList<IProviderAdapter> Adapters = [.. new ServiceCollection().AddSingleton(TimeProvider.System).AddProviders().BuildServiceProvider().GetServices<IProviderAdapter>()];

    private static readonly string Folder = Path.Combine(Repository.Root, "tests/Quota.Gateway.Tests/Providers/Recordings");

    private static readonly UnitSource[] Units =
    [
        .. UnitSource.Units.Select((unit, i) => new UnitSource(unit, i % 2 == 0 ? "x-" + unit : null, i % 2 == 0 ? null : JsonPath.Parse("usage." + unit), 9)),
        new("images", null, JsonPath.Parse("pages[0].n"), 9),
    ];

    private bool IsAws => Name.Contains(".eventstream", StringComparison.Ordinal);

    /// <summary>Every recording, read as its expectation says; and every route of every adapter.</summary>
    public static IReadOnlyList<FuzzedAnswer> All { get; } =
    [
        .. Directory.GetFiles(Folder, "*.expected.json").Order(StringComparer.Ordinal).Select(file => Recorded(file)),
        .. from adapter in Adapters
           from route in adapter.Routes
           where !route.IsFree
           from isStream in new[] { false, true }
           select new FuzzedAnswer($"{adapter.Protocol} {route.Template}{(isStream ? " stream" : "")}", [], isStream, () => ReaderOf(adapter, route, "some-model", isStream, adapter.Protocol, "")),
        new("generic units", """{"pages":[{"n":1},{"n":2.5}],"usage":{"images":3,"input_tokens":7,"characters":11,"output_tokens":5,"seconds":1.25}}"""u8.ToArray(), false,
            () => ReaderOf(Adapters.Single(it => it.Protocol == "generic"), new ProviderRoute("/{upstream}", "other"), "ocr", false, "generic", "")),
    ];

    /// <summary>Spoilt somewhere; of binary events half the time only what they say, so that their checksums hold and they are read.</summary>
    public byte[] Spoilt(Random random)
    {
        if (Bytes.Length == 0)
            return Mutation.Noise(random, random.Next(600));
        return IsAws && random.Next(2) == 0 ? SpoiltInside(random) : Mutation.Of(Bytes, random);
    }

    private byte[] SpoiltInside(Random random)
    {
        using var spoilt = new MemoryStream();
        for (var at = 0; at < Bytes.Length;)
        {
            var frame = Bytes.AsSpan(at);
            var (length, headers) = (BinaryPrimitives.ReadInt32BigEndian(frame), BinaryPrimitives.ReadInt32BigEndian(frame[4..]));
            var payload = frame[(12 + headers)..(length - 4)].ToArray();
            spoilt.Write(AwsMessages.Of(random.Next(3) == 0 ? InnerSpoilt(payload, random) : payload, frame.Slice(12, headers).ToArray()));
            at += length;
        }
        return spoilt.ToArray();
    }

    /// <summary>What an invoked model says is base64 in an object: spoilt in there.</summary>
    private static byte[] InnerSpoilt(byte[] payload, Random random)
    {
        if (random.Next(2) == 0 || !JsonElement.Parse(payload).TryGetProperty("bytes", out var inner))
            return Mutation.Of(payload, random);
        return System.Text.Encoding.ASCII.GetBytes($"{{\"bytes\":\"{Convert.ToBase64String(Mutation.Of(inner.GetBytesFromBase64(), random))}\"}}");
    }

    private static FuzzedAnswer Recorded(string expectation)
    {
        var name = Path.GetFileName(expectation)[..^".expected.json".Length];
        using var document = JsonDocument.Parse(File.ReadAllText(expectation));
        var said = document.RootElement.Clone();
        string? Text(string field) => said.TryGetProperty(field, out var value) ? value.GetString() : null;
        var adapter = Adapters.Single(it => it.Protocol == Text("adapter"));
        var route = adapter.Routes.Single(it => it.Template == Text("route"));
        var isStream = said.GetProperty("stream").GetBoolean();
        var path = Path.Combine(Folder, name);
        var bytes = name.EndsWith(".base64", StringComparison.Ordinal) ? Convert.FromBase64String(File.ReadAllText(path))
            : name.EndsWith(".chunks.txt", StringComparison.Ordinal) ? Recordings.Bytes(name) : File.ReadAllBytes(path);
        return new FuzzedAnswer(name, bytes, isStream, () => ReaderOf(adapter, route, Text("model")!, isStream, Text("provider") ?? adapter.Protocol, Text("query") ?? ""));
    }

    private static UsageReader ReaderOf(IProviderAdapter adapter, ProviderRoute route, string model, bool isStream, string provider, string query)
    {
        var upstream = new Upstream("fuzzed", adapter.Protocol, new Uri("http://fuzzed"), "", ["*"]) { Provider = provider, Units = Units };
        var request = new ProviderRequest
        {
            Model = model, Stream = isStream, InputBytes = 0, HasMedia = false, Images = 0, OutputBound = null, Choices = 1, Body = default, BoundPlace = null, HidesUsage = isStream,
        };
        return adapter.ReaderFor(new CallTarget(route, route.NamesModel ? model : null, query), request, upstream);
    }
}
