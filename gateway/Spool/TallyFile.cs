using System.Text.Json;
using System.Text.Json.Serialization;
using Quota.Gateway.Limits;

namespace Quota.Gateway.Spool;

/// <summary>The tally's last checkpoint, beside the segments whose records it sums up.</summary>
internal sealed class TallyFile(ISpoolDisk disk)
{
    private const string Name = "tally.json";

    public TallyCheckpoint Read() => disk.ReadWhole(Name) is { } content
        ? JsonSerializer.Deserialize(content, TallyJson.Default.TallyCheckpoint) ?? throw new IOException($"{disk.PathOf(Name)} is empty")
        : new TallyCheckpoint(0, [], []);

    /// <exception cref="IOException">The disk failed: the segments must stay.</exception>
    public void Write(TallyCheckpoint checkpoint) => disk.Replace(Name, JsonSerializer.SerializeToUtf8Bytes(checkpoint, TallyJson.Default.TallyCheckpoint));
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(TallyCheckpoint))]
internal sealed partial class TallyJson : JsonSerializerContext;
