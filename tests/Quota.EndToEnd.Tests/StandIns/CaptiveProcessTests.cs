using System.Diagnostics;
using Quota.TestKit;

namespace Quota.EndToEnd.Tests.StandIns;

public sealed class CaptiveProcessTests
{
    [Fact]
    public async Task Output_and_exit_code_are_kept()
    {
        await using var process = CaptiveProcess.Start(new CaptiveCommand("sh", "-c", "echo one; echo two >&2; exit 3"));
        await process.Exited;
        process.ExitCode.ShouldBe(3);
        process.Output.ShouldContain("one");
        process.Output.ShouldContain("two");
    }

    [Fact]
    public async Task The_pid_is_the_programs_own_and_stopping_asks_it_first()
    {
        await using var process = CaptiveProcess.Start(new CaptiveCommand("sh", "-c", "trap 'echo asked; exit 0' TERM; echo pid $$; while :; do sleep 0.02; done"));
        await Eventually.TrueAsync("the child has written", () => process.Output.Contains("pid"));
        process.Output.ShouldContain($"pid {process.Pid}");
        await process.StopAsync();
        process.Output.ShouldContain("asked");
        process.ExitCode.ShouldBe(0);
    }

    [Fact]
    public async Task One_that_does_not_listen_is_killed_after_the_bound()
    {
        await using var process = CaptiveProcess.Start(new CaptiveCommand("sh", "-c", "trap '' TERM; echo up; while :; do sleep 0.02; done")
        {
            StopBound = TimeSpan.FromMilliseconds(200),
        });
        await Eventually.TrueAsync("the child has written", () => process.Output.Contains("up"));
        await process.StopAsync();
        process.ExitCode.ShouldBe(137);
    }

    [Fact]
    public async Task The_kernel_kills_it_when_its_parent_is_killed()
    {
        // The parent here is a shell under setpriv as we start it, and the grandchild is started by the same means.
        await using var parent = CaptiveProcess.Start(new CaptiveCommand(
            "sh", "-c", "setsid setpriv --pdeathsig KILL -- sleep 300 & echo child $!; wait"));
        await Eventually.TrueAsync("the child has written", () => parent.Output.Contains("child"));
        var pid = int.Parse(parent.Output.Split("child ")[1].Trim(), System.Globalization.CultureInfo.InvariantCulture);
        await Eventually.TrueAsync("the grandchild has become sleep", () => File.Exists($"/proc/{pid}/comm") && File.ReadAllText($"/proc/{pid}/comm").Trim() == "sleep");
        parent.Kill();
        await Eventually.TrueAsync("the grandchild is gone", () => !IsRunning(pid));
    }

    [Fact]
    public async Task Output_is_bounded()
    {
        await using var process = CaptiveProcess.Start(new CaptiveCommand("seq", "1", "5000"));
        await process.Exited;
        var lines = process.Output.Split(Environment.NewLine);
        lines.Length.ShouldBe(500);
        lines[^1].ShouldBe("5000");
    }

    private static bool IsRunning(int pid)
    {
        try
        {
            using var process = Process.GetProcessById(pid);
            return File.ReadAllText($"/proc/{pid}/stat").Split(") ")[1][0] != 'Z';
        }
        catch (Exception error) when (error is ArgumentException or IOException)
        {
            return false;
        }
    }
}
