using System.Net;
using System.Net.Sockets;

namespace Quota.TestKit;

/// <summary>TCP ports of 127.0.0.1 that were free a moment ago.</summary>
public static class FreePort
{
    private const int First = 15_000, Count = 15_000;   // below those that the system gives to outgoing connections, which would take one at any moment

    private static int _last = Environment.ProcessId * 499 % Count;   // processes that run side by side begin in different places

    /// <summary>
    /// A port that nobody listens on and that this process has not been given before. Another process may still take it first, so
    /// whoever starts a server on it tries again with the next one.
    /// </summary>
    public static int Next()
    {
        for (var attempt = 0; attempt < Count; attempt++)
        {
            var port = First + (int)((uint)Interlocked.Increment(ref _last) % Count);
            if (!IsTaken(port))
                return port;
        }
        throw new InvalidOperationException($"No port from {First} to {First + Count - 1} is free.");
    }

    /// <summary>Whether something listens on the port of 127.0.0.1, or on all addresses.</summary>
    public static bool IsTaken(int port)
    {
        try
        {
            using var listener = new TcpListener(IPAddress.Loopback, port);
            listener.Start();
            return false;
        }
        catch (SocketException)
        {
            return true;
        }
    }
}
