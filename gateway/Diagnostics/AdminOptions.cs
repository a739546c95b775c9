using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Quota.Shared.Hosting;

namespace Quota.Gateway.Diagnostics;

/// <summary>The two ports. <paramref name="Certificate"/> is the data port's when that is https; HTTP/2 is spoken there, too.</summary>
internal sealed record AdminOptions(Uri Data, Uri Admin, X509Certificate2? Certificate)
{
    /// <summary>
    /// <c>Urls</c> (data, default http://127.0.0.1:8080) and <c>Admin__Url</c> (http, default http://127.0.0.1:8081); with https for the data port,
    /// <c>Tls__Certificate</c> and <c>Tls__Key</c>: PEM files, the key's the certificate's unless named.
    /// </summary>
    public static AdminOptions Read(Settings settings)
    {
        var data = AddressIn(settings, "Urls", "http://127.0.0.1:8080", "http", "https");
        var options = new AdminOptions(data, AddressIn(settings, "Admin__Url", "http://127.0.0.1:8081", "http"), data.Scheme == "https" ? ReadCertificate(settings) : null);
        if (options.Data.Port == options.Admin.Port)
            settings.Report.Add("Admin__Url", $"has the same port as Urls ({options.Data.Port}); give it its own");
        return options;
    }

    /// <summary>Where to listen: localhost and addresses as given, anything else on every address.</summary>
    public static IPAddress AddressOf(Uri url) => url.Host is "localhost" ? IPAddress.Loopback : IPAddress.TryParse(url.Host.Trim('[', ']'), out var address) ? address : IPAddress.Any;

    private static Uri AddressIn(Settings settings, string name, string fallback, params string[] schemes)
    {
        if (settings.Address(name) is not { } url)
            return new Uri(fallback);
        if (!schemes.Contains(url.Scheme))
            settings.Report.Add(name, $"'{url}' must be {string.Join(" or ", schemes)}");
        return url;
    }

    private static X509Certificate2? ReadCertificate(Settings settings)
    {
        if (settings.Text("Tls__Certificate") is not { } file)
        {
            settings.Report.Add("Tls__Certificate", "is missing, and Urls is https; name a PEM file, or put TLS in front of the gateway");
            return null;
        }
        try
        {
            return X509Certificate2.CreateFromPemFile(file, settings.Text("Tls__Key") ?? file);
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException or CryptographicException or ArgumentException)
        {
            settings.Report.Add("Tls__Certificate", $"'{file}' cannot be used: {problem.Message}");
            return null;
        }
    }
}
