using System.Text.Json;
using Quota.TestKit;

namespace Quota.EndToEnd.Tests.Sdks;

/// <summary>An npm package in a cache folder under <c>artifacts/</c>: the newest that this machine's node runs, installed once.</summary>
internal static class NpmPackage
{
    private static readonly TimeSpan Bound = TimeSpan.FromMinutes(2);

    /// <summary>The folder that holds <c>node_modules</c>. Throws when node or npm is missing, or npm could not install it.</summary>
    public static async Task<string> InstallAsync(string name)
    {
        if (Executables.Find("node") is null || Executables.Find("npm") is null)
            throw new InvalidOperationException("node and npm are not installed: apt-get install nodejs npm");
        var folder = Path.Combine(Repository.Root, "artifacts", "npm", name);
        if (Directory.Exists(folder))
            return folder;
        // Into a folder of its own first, so that one that was broken off is never taken for whole.
        var parts = $"{folder}.{Environment.ProcessId}";
        Directory.CreateDirectory(parts);
        await CaptiveProcess.RunAsync(new CaptiveCommand("npm", "install", name, "--prefix", parts, "--no-audit", "--no-fund", "--loglevel", "error"), Bound);
        try
        {
            Directory.Move(parts, folder);
        }
        catch (IOException) when (Directory.Exists(folder))
        {
            Directory.Delete(parts, recursive: true);   // another run was faster
        }
        return folder;
    }

    /// <summary>Runs one of our scripts, which lie beside this file, with the package's folder and this task; returns the JSON it prints.</summary>
    public static async Task<JsonElement> RunAsync(string package, string script, object task)
    {
        var folder = await InstallAsync(package);
        var path = Path.Combine(Repository.Root, "tests", "Quota.EndToEnd.Tests", "Sdks", script);
        var output = await CaptiveProcess.RunAsync(new CaptiveCommand("node", path, folder, JsonSerializer.Serialize(task)), Bound);
        return JsonElement.Parse(output.Split(Environment.NewLine)[^1]);
    }
}
