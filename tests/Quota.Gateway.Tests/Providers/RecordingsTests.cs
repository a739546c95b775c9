using System.Buffers;
using System.IO.Compression;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.Extensions.DependencyInjection;
using Quota.Gateway.Providers;
using Quota.Gateway.Providers.Framing;
using Quota.Shared.Usage;
using Quota.TestKit;

namespace Quota.Gateway.Tests.Providers;

/// <summary>
/// Every recording that has an <c>.expected.json</c> beside it, worked out by hand from its provider's documentation, gives those numbers
/// however its bytes are cut, compressed or not, and passes unchanged.
/// </summary>
public sealed class RecordingsTests
{
    private static readonly string Folder = Path.Combine(Repository.Root, "tests/Quota.Gateway.Tests/Providers/Recordings");
    private static readonly IProviderAdapter[] Adapters = [.. new ServiceCollection().AddSingleton(TimeProvider.System).AddProviders().BuildServiceProvider().GetServices<IProviderAdapter>()];

    private static readonly JsonSerializerOptions Words = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower, UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow };

    public static TheoryData<string> Recorded => [.. Directory.GetFiles(Folder, "*.expected.json").Select(file => Path.GetFileName(file)[..^".expected.json".Length]).Order(StringComparer.Ordinal)];

    [Fact]
    public void Every_recording_has_its_numbers_beside_it()
    {
        var lonely = Directory.GetFiles(Folder).Select(Path.GetFileName).Where(file => file is not "README.md" && !file!.EndsWith(".expected.json", StringComparison.Ordinal))
            .Where(file => !File.Exists(Path.Combine(Folder, file + ".expected.json")));
        lonely.ShouldBeEmpty();
    }

    [Theory]
    [MemberData(nameof(Recorded))]
    public void Any_cut_gives_the_documented_numbers(string file)
    {
        var (expected, bytes) = (ExpectedOf(file), BytesOf(file));
        expected.Check(Read(expected, [.. bytes.Select(b => new[] { b })], bytes), "one byte at a time");
        foreach (var cut in Cuts(bytes.Length))
            expected.Check(Read(expected, [bytes[..cut], bytes[cut..]], bytes), $"cut at {cut}");
    }

    [Theory]
    [MemberData(nameof(Recorded))]
    public void Compressed_answers_give_the_same(string file)
    {
        var (expected, bytes) = (ExpectedOf(file), BytesOf(file));
        foreach (var encoding in new[] { "gzip", "br" })
        {
            var packed = Pack(encoding, bytes);
            expected.Check(Read(expected, [.. packed.Select(b => new[] { b })], packed, encoding), $"{encoding}, one byte at a time");
            foreach (var cut in Cuts(packed.Length, 200))
                expected.Check(Read(expected, [packed[..cut], packed[cut..]], packed, encoding), $"{encoding}, cut at {cut}");
        }
    }

    /// <summary>Every cut of a short answer; of a long one, evenly spread, all of them in the long form.</summary>
    private static IEnumerable<int> Cuts(int length, int most = 1_000)
    {
        if (LongForm.IsOn || length <= most)
            return Enumerable.Range(0, length + 1);
        return Enumerable.Range(0, most).Select(i => (int)((long)i * length / most));
    }

    private static UsageReader Read(Expected expected, byte[][] pieces, byte[] whole, string? encoding = null)
    {
        var adapter = Adapters.Single(it => it.Protocol == expected.Adapter);
        var upstream = new Upstream("recorded", expected.Adapter, new Uri("http://recorded"), "", ["*"]) { Provider = expected.Provider ?? expected.Adapter };
        var request = new ProviderRequest
        {
            Model = expected.Model, Stream = expected.Stream, InputBytes = 0, HasMedia = false, Images = 0, OutputBound = null, Choices = 1, Body = default, BoundPlace = null,
        };
        var route = adapter.Routes.Single(it => it.Template == expected.Route);
        var reader = DecodedUsage.For(encoding, adapter.ReaderFor(new CallTarget(route, route.NamesModel ? expected.Model : null, expected.Query ?? ""), request, upstream));
        if (expected.Headers is { } headers)
        {
            using var answer = new HttpResponseMessage();
            foreach (var (name, value) in headers)
                answer.Headers.Add(name, value);
            reader.Answered(answer.Headers);
        }
        var kept = new ArrayBufferWriter<byte>();
        foreach (var piece in pieces)
            reader.Feed(piece, expected.Stream && encoding is null ? kept : null);
        reader.End(expected.Stream && encoding is null ? kept : null);
        if (expected.Stream && encoding is null)
            kept.WrittenSpan.SequenceEqual(whole).ShouldBeTrue("the client gets every byte");
        return reader;
    }

    private static byte[] Pack(string encoding, byte[] bytes)
    {
        using var packed = new MemoryStream();
        using (Stream packer = encoding == "br" ? new BrotliStream(packed, CompressionLevel.Fastest) : new GZipStream(packed, CompressionLevel.Fastest))
            packer.Write(bytes);
        return packed.ToArray();
    }

    private static Expected ExpectedOf(string file) => JsonSerializer.Deserialize<Expected>(File.ReadAllText(Path.Combine(Folder, file + ".expected.json")), Words)!;

    /// <summary>The answer as it came over the wire: what was stored an event a line gets its framing back.</summary>
    private static byte[] BytesOf(string file)
    {
        var path = Path.Combine(Folder, file);
        if (file.EndsWith(".base64", StringComparison.Ordinal))
            return Convert.FromBase64String(File.ReadAllText(path));
        if (!file.EndsWith(".chunks.txt", StringComparison.Ordinal))
            return File.ReadAllBytes(path);
        var lines = File.ReadLines(path).Where(line => line.Length > 0).ToArray();
        if (file.StartsWith("google", StringComparison.Ordinal))
            return Encoding.UTF8.GetBytes(string.Concat(lines.Select(line => $"data: {line}\r\n\r\n")));
        var isTyped = JsonElement.Parse(lines[0]).TryGetProperty("type", out _);
        var events = lines.Select(line => (isTyped ? $"event: {JsonElement.Parse(line).GetProperty("type").GetString()}\n" : "") + $"data: {line}\n\n");
        return Encoding.UTF8.GetBytes(string.Concat(events) + (isTyped ? "" : "data: [DONE]\n\n"));
    }

    /// <summary>What an answer must be read as. <c>usage</c> in the event's own words; <c>headers</c> are those of the answer that tell usage.</summary>
    private sealed record Expected
    {
        public required string Adapter { get; init; }
        public string? Provider { get; init; }
        public required string Route { get; init; }
        public string? Query { get; init; }
        public required string Model { get; init; }
        public required bool Stream { get; init; }
        public Dictionary<string, string>? Headers { get; init; }

        /// <summary>Null when the answer tells none, as an error in mid-stream: the call is estimated then.</summary>
        public JsonElement? Usage { get; init; }
        public string? ResponseModel { get; init; }
        public string? ServiceTier { get; init; }
        public bool Complete { get; init; } = true;

        /// <summary>From which page the numbers follow, for a reader.</summary>
        public string? Why { get; init; }

        public void Check(UsageReader reader, string how)
        {
            reader.Usage.ShouldBe(Usage is { ValueKind: JsonValueKind.Object } usage ? usage.Deserialize(UsageJson.Default.UsageCounts) : null, how);
            reader.ResponseModel.ShouldBe(ResponseModel, how);
            reader.ServiceTier.ShouldBe(ServiceTier, how);
            reader.IsComplete.ShouldBe(Complete, how);
            if (reader.UsageRaw is { } raw)
                JsonElement.Parse(raw).ValueKind.ShouldBe(JsonValueKind.Object, how);
        }
    }
}
