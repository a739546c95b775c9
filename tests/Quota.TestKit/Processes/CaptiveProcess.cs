using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;

namespace Quota.TestKit;

/// <summary>
/// A child process that cannot outlive us: the kernel kills it when we end, however we end. It has a session of its own, so that a
/// Ctrl-C in our terminal reaches us alone and we choose the order in which children stop. Disposing stops it.
/// </summary>
public sealed class CaptiveProcess : IAsyncDisposable
{
    private readonly Process _process;
    private readonly OutputRing _output = new();
    private readonly CaptiveCommand _command;

    private CaptiveProcess(CaptiveCommand command)
    {
        _command = command;
        _process = new Process { StartInfo = StartInfo(command) };
        _process.OutputDataReceived += (_, line) => Note(line.Data);
        _process.ErrorDataReceived += (_, line) => Note(line.Data);
    }

    /// <summary>Process id of the program itself (the wrappers replace themselves by it).</summary>
    public int Pid { get; private set; }

    /// <summary>Whether it has ended.</summary>
    public bool HasExited => _process.HasExited;

    /// <summary>Its exit code once it has ended; 128 + n when signal n ended it.</summary>
    public int? ExitCode => _process.HasExited ? _process.ExitCode : null;

    /// <summary>The last 500 lines of stdout and stderr.</summary>
    public string Output => _output.ToString();

    /// <summary>Completes when it has ended and its output is read.</summary>
    public Task Exited { get; private set; } = Task.CompletedTask;

    /// <summary>
    /// Starts it. Throws when <c>setsid</c> (package util-linux) is missing; a program that is missing ends with code 127.
    /// </summary>
    public static CaptiveProcess Start(CaptiveCommand command)
    {
        var captive = new CaptiveProcess(command);
        ChildThread.Run(captive._process.Start);
        captive.Pid = captive._process.Id;
        captive._process.BeginOutputReadLine();
        captive._process.BeginErrorReadLine();
        captive.Exited = captive._process.WaitForExitAsync();
        return captive;
    }

    /// <summary>Runs a command to its end and returns its output; throws with that output when it fails or exceeds the bound.</summary>
    public static async Task<string> RunAsync(CaptiveCommand command, TimeSpan bound)
    {
        await using var process = Start(command);
        await Task.WhenAny(process.Exited, Task.Delay(bound));
        return process.ExitCode == 0
            ? process.Output
            : throw new InvalidOperationException(
                $"{command.File} {(process.HasExited ? $"ended with code {process.ExitCode}" : $"did not end in {bound.TotalSeconds:0} s")}:"
                + Environment.NewLine + process.Output);
    }

    /// <summary>Asks it to end, and kills it when it has not after <see cref="CaptiveCommand.StopBound"/>. Does nothing when it has ended.</summary>
    public async Task StopAsync()
    {
        if (!_process.HasExited)
            Signals.Send(Pid, _command.StopSignal);
        await Task.WhenAny(Exited, Task.Delay(_command.StopBound));
        Kill();
        await Exited;
    }

    /// <summary>SIGKILL, as a crash or an out-of-memory kill would.</summary>
    public void Kill()
    {
        if (!_process.HasExited)
            Signals.Kill(Pid);
    }

    /// <summary>Freezes it (SIGSTOP): it is there, and does not answer.</summary>
    public void Freeze() => Signals.Stop(Pid);

    /// <summary>Undoes <see cref="Freeze"/>.</summary>
    public void Thaw() => Signals.Send(Pid, PosixSignal.SIGCONT);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _process.Dispose();
    }

    private static ProcessStartInfo StartInfo(CaptiveCommand command)
    {
        var info = new ProcessStartInfo("setsid")
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = command.WorkingDirectory ?? Environment.CurrentDirectory,
        };
        info.ArgumentList.Add("setpriv");
        foreach (var option in Privileges(command.Account))
            info.ArgumentList.Add(option);
        info.ArgumentList.Add(command.File);
        foreach (var argument in command.Arguments)
            info.ArgumentList.Add(argument);
        foreach (var (name, value) in command.Environment)
            info.Environment[name] = value;
        return info;
    }

    private static IEnumerable<string> Privileges(UnixAccount? account) => account is null
        ? ["--pdeathsig", "KILL", "--"]
        :
        [
            "--reuid", account.UserId.ToString(CultureInfo.InvariantCulture),
            "--regid", account.GroupId.ToString(CultureInfo.InvariantCulture),
            "--clear-groups", "--pdeathsig", "KILL", "--",
        ];

    private void Note(string? line)
    {
        if (line is null)
            return;
        _output.Add(line);
        _command.OnLine?.Invoke(line);
    }
}
