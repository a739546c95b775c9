using System.Text;
using Quota.TestKit;

namespace Quota.EndToEnd.Tests.Races;

/// <summary>A piece of the scripts and what is put in its place; not longer, because it is put in where it stands.</summary>
internal sealed record Snippet(string Sound, string Faulty);

/// <summary>
/// A copy of the built gateway with a fault planted in its scripts: their text is embedded in the assembly and replaced there, byte for
/// byte. The product has no hook for it.
/// </summary>
internal sealed class PlantedGateway : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("quota-planted-");

    public PlantedGateway(params IReadOnlyList<Snippet> snippets)
    {
        var built = Repository.Assembly("Quota.Gateway");
        foreach (var file in Directory.EnumerateFiles(Path.GetDirectoryName(built)!))
            File.Copy(file, Path.Combine(_folder.FullName, Path.GetFileName(file)));
        Assembly = Path.Combine(_folder.FullName, Path.GetFileName(built));
        var bytes = File.ReadAllBytes(Assembly);
        foreach (var snippet in snippets)
            Plant(bytes, snippet);
        File.WriteAllBytes(Assembly, bytes);
    }

    public string Assembly { get; }

    public void Dispose() => _folder.Delete(recursive: true);

    private static void Plant(Span<byte> bytes, Snippet snippet)
    {
        var (sound, faulty) = (Encoding.UTF8.GetBytes(snippet.Sound), Encoding.UTF8.GetBytes(snippet.Faulty));
        if (faulty.Length > sound.Length)
            throw new InvalidOperationException($"the planted text is {faulty.Length - sound.Length} bytes too long for: {snippet.Sound}");
        var at = bytes.IndexOf(sound);
        if (at < 0 || bytes[(at + 1)..].IndexOf(sound) >= 0)
            throw new InvalidOperationException($"the gateway's scripts hold this {(at < 0 ? "no longer" : "more than once")}; say anew what the fault is to replace: {snippet.Sound}");
        bytes.Slice(at, sound.Length).Fill((byte)' ');
        faulty.CopyTo(bytes[at..]);
    }
}
