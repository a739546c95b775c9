using System.Reflection;

namespace Quota.Shared.Hosting;

/// <summary>Reads scripts and migrations that are built into an assembly under the path the reader sees.</summary>
public static class EmbeddedText
{
    /// <summary>The text of <paramref name="path"/>, e.g. <c>Limits/Scripts/reserve.lua</c>.</summary>
    /// <exception cref="FileNotFoundException">No such resource; the message lists what there is.</exception>
    public static string Read(Assembly assembly, string path)
    {
        using var stream = assembly.GetManifestResourceStream(path)
            ?? throw new FileNotFoundException($"{path} is not built into {assembly.GetName().Name}; it has {string.Join(", ", assembly.GetManifestResourceNames())}");
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }

    /// <summary>The paths under <paramref name="folder"/>, in ordinal order.</summary>
    public static IReadOnlyList<string> List(Assembly assembly, string folder) =>
        [.. assembly.GetManifestResourceNames().Where(name => name.StartsWith(folder + "/", StringComparison.Ordinal)).Order(StringComparer.Ordinal)];
}
