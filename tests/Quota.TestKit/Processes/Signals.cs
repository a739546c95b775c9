using System.Runtime.InteropServices;

namespace Quota.TestKit;

/// <summary>kill(2). A process that has ended already is not an error.</summary>
internal static class Signals
{
    private const int Sigkill = 9;
    private const int Sigstop = 19;

    public static void Kill(int pid) => _ = KillNative(pid, Sigkill);

    public static void Stop(int pid) => _ = KillNative(pid, Sigstop);

    public static void Send(int pid, PosixSignal signal) => _ = KillNative(pid, Number(signal));

    private static int Number(PosixSignal signal) => signal switch
    {
        PosixSignal.SIGINT => 2,
        PosixSignal.SIGQUIT => 3,
        PosixSignal.SIGTERM => 15,
        PosixSignal.SIGCONT => 18,
        _ => throw new ArgumentOutOfRangeException(nameof(signal), signal, "Not a signal that we send."),
    };

    [DllImport("libc", EntryPoint = "kill")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static extern int KillNative(int pid, int signal);
}
