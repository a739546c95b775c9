using System.Globalization;

namespace Quota.TestKit;

/// <summary>Where <c>postgres</c> and <c>initdb</c> lie.</summary>
public static class PostgresBinaries
{
    /// <summary>Environment variable naming the folder to use instead of an installed server's.</summary>
    public const string Variable = "QUOTA_POSTGRES_BIN";

    /// <summary>
    /// The folder named by <see cref="Variable"/>, else Debian's newest, else the one on PATH; null when there is none.
    /// Throws when the variable names a folder without the two programs.
    /// </summary>
    public static string? Find()
    {
        if (Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } named)
            return IsComplete(named) ? named : throw new InvalidOperationException($"{Variable}={named} holds no postgres and initdb.");
        return Installed().FirstOrDefault(IsComplete);
    }

    /// <summary>Whether both programs are in the folder.</summary>
    public static bool IsComplete(string folder) =>
        File.Exists(Path.Combine(folder, "postgres")) && File.Exists(Path.Combine(folder, "initdb"));

    private static IEnumerable<string> Installed()
    {
        var debian = new DirectoryInfo("/usr/lib/postgresql");
        if (debian.Exists)
        {
            foreach (var version in debian.GetDirectories().OrderByDescending(VersionOf))
                yield return Path.Combine(version.FullName, "bin");
        }

        if (Executables.Find("postgres") is { } onPath)
            yield return Path.GetDirectoryName(File.ResolveLinkTarget(onPath, returnFinalTarget: true)?.FullName ?? onPath)!;
    }

    private static double VersionOf(DirectoryInfo folder) =>
        double.TryParse(folder.Name, NumberStyles.Float, CultureInfo.InvariantCulture, out var version) ? version : 0;
}
