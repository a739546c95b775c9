using System.Diagnostics;
using System.Globalization;
using Spectre.Console;

namespace Quota.Local.Running;

/// <summary>One line per part that was started, with the time it took.</summary>
internal static class StepPrinter
{
    public static async Task<T> StepAsync<T>(string name, Func<Task<T>> start, Func<T, string> where)
    {
        var began = Stopwatch.GetTimestamp();
        var started = await start();
        var seconds = Stopwatch.GetElapsedTime(began).TotalSeconds.ToString("0.0", CultureInfo.InvariantCulture);
        AnsiConsole.MarkupLine($"[green]✓[/] {Markup.Escape(name),-18} {Markup.Escape(where(started))} [grey]{seconds} s[/]");
        return started;
    }
}
