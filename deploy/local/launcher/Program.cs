using System.CommandLine;
using Quota.Local.Demo;
using Quota.Local.Running;
using Spectre.Console;

namespace Quota.Local;

/// <summary>The program behind <c>deploy/local/up</c> and <c>deploy/local/demo</c>.</summary>
public static class Program
{
    /// <summary>0 when all went well, 1 with one line on stderr when it did not.</summary>
    public static async Task<int> Main(string[] args)
    {
        // Redirected output is read by programs and logs: no wrapping at 80 columns there.
        if (Console.IsOutputRedirected)
            AnsiConsole.Profile.Width = 400;
        var root = new RootCommand("Runs Quota on this machine, and shows it at work.") { UpCommand.Create(), DemoCommand.Create() };
        try
        {
            return await root.Parse(args).InvokeAsync(new InvocationConfiguration
            {
                EnableDefaultExceptionHandler = false,
                // We stop our children in order, which may take longer than the 2 s that would be granted here.
                ProcessTerminationTimeout = null,
            });
        }
        catch (LocalError error)
        {
            await Console.Error.WriteLineAsync(error.Message);
            return 1;
        }
        catch (Exception error)
        {
            // A mistake of ours. An unhandled exception would abort, with a core dump where those are on.
            await Console.Error.WriteLineAsync(error.ToString());
            return 1;
        }
    }
}
