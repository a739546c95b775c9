using System.Globalization;

namespace Quota.TestKit;

/// <summary>A user of this machine, as <c>/etc/passwd</c> knows it.</summary>
public sealed record UnixAccount(string Name, int UserId, int GroupId)
{
    /// <summary>The account with this name, or null.</summary>
    public static UnixAccount? Find(string name)
    {
        foreach (var line in File.ReadLines("/etc/passwd"))
        {
            var cells = line.Split(':');
            if (cells.Length > 3 && cells[0] == name)
                return new UnixAccount(name, Number(cells[2]), Number(cells[3]));
        }

        return null;
    }

    /// <summary>Whom a server runs as that refuses root: <c>postgres</c>, else <c>nobody</c>; null when we are not root.</summary>
    public static UnixAccount? ForServers() => Environment.IsPrivilegedProcess
        ? Find("postgres") ?? Find("nobody") ?? throw new InvalidOperationException("Neither postgres nor nobody is in /etc/passwd.")
        : null;

    private static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);
}
