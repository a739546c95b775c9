namespace Quota.TestKit;

/// <summary>Where the work tree is, for test data and for starting the built processes.</summary>
public static class Repository
{
    private static readonly Lazy<string> LazyRoot = new(FindRoot);

    /// <summary>The folder that holds <c>Quota.sln</c>, found upwards from the running program. Throws when there is none.</summary>
    public static string Root => LazyRoot.Value;

    /// <summary>A file of <c>tests/data</c>.</summary>
    public static string TestData(string name) => Path.Combine(Root, "tests", "data", name);

    /// <summary>
    /// The built assembly of a project, e.g. <c>Quota.Gateway</c>, in the same configuration (debug or release) as the running
    /// program. Throws <see cref="FileNotFoundException"/> when it was not built.
    /// </summary>
    public static string Assembly(string project)
    {
        var configuration = new DirectoryInfo(AppContext.BaseDirectory.TrimEnd(Path.DirectorySeparatorChar)).Name;
        var path = Path.Combine(Root, "artifacts", "bin", project, configuration, project + ".dll");
        return File.Exists(path) ? path : throw new FileNotFoundException($"{project} is not built ({configuration}).", path);
    }

    private static string FindRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Quota.sln")))
                return folder.FullName;
        }

        throw new DirectoryNotFoundException($"No folder with Quota.sln above {AppContext.BaseDirectory}.");
    }
}
