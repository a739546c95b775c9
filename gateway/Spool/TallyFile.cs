using System.Text.Json;
using System.Text.Json.Serialization;
using Quota.Gateway.Limits;

namespace Quota.Gateway.Spool;

/// <summary>The tally's last checkpoint, beside the segments whose records it sums up.</summary>
internal sealed class TallyFile(string folder)
{
    private readonly string _path = Path.Combine(folder, "tally.json");

    public TallyCheckpoint Read() => File.Exists(_path)
        ? JsonSerializer.Deserialize(File.ReadAllBytes(_path), TallyJson.Default.TallyCheckpoint) ?? throw new IOException($"{_path} is empty")
        : new TallyCheckpoint(0, [], []);

    /// <exception cref="IOException">The disk failed: the segments must stay.</exception>
    public void Write(TallyCheckpoint checkpoint) => OwnerFile.Replace(_path, JsonSerializer.SerializeToUtf8Bytes(checkpoint, TallyJson.Default.TallyCheckpoint));
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(TallyCheckpoint))]
internal sealed partial class TallyJson : JsonSerializerContext;
