using System.Net;
using System.Net.Sockets;

namespace Quota.TestKit;

/// <summary>TCP ports of 127.0.0.1 that were free a moment ago.</summary>
public static class FreePort
{
    private static readonly Lock Gate = new();
    private static readonly HashSet<int> Given = [];

    /// <summary>
    /// A port that nobody listens on and that this process has not been given before. Another process may still take it first, so
    /// whoever starts a server on it tries again with the next one.
    /// </summary>
    public static int Next()
    {
        lock (Gate)
        {
            for (var attempt = 0; attempt < 1000; attempt++)
            {
                using var listener = new TcpListener(IPAddress.Loopback, 0);
                listener.Start();
                var port = ((IPEndPoint)listener.LocalEndpoint).Port;
                if (Given.Add(port))
                    return port;
            }
        }

        throw new InvalidOperationException("No free port found in 1000 attempts.");
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
