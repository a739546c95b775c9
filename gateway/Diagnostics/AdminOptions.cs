using System.Net;
using Quota.Shared.Hosting;

namespace Quota.Gateway.Diagnostics;

/// <summary>The two ports.</summary>
internal sealed record AdminOptions(Uri Data, Uri Admin)
{
    /// <summary><c>Urls</c> (data, default http://127.0.0.1:8080) and <c>Admin__Url</c> (default http://127.0.0.1:8081), each one http address.</summary>
    public static AdminOptions Read(Settings settings)
    {
        var options = new AdminOptions(Http(settings, "Urls", "http://127.0.0.1:8080"), Http(settings, "Admin__Url", "http://127.0.0.1:8081"));
        if (options.Data.Port == options.Admin.Port)
            settings.Report.Add("Admin__Url", $"has the same port as Urls ({options.Data.Port}); give it its own");
        return options;
    }

    /// <summary>Where to listen: localhost and addresses as given, anything else on every address.</summary>
    public static IPAddress AddressOf(Uri url) => url.Host is "localhost" ? IPAddress.Loopback : IPAddress.TryParse(url.Host.Trim('[', ']'), out var address) ? address : IPAddress.Any;

    private static Uri Http(Settings settings, string name, string fallback)
    {
        if (settings.Address(name) is not { } url)
            return new Uri(fallback);
        if (url.Scheme != "http")
            settings.Report.Add(name, $"'{url}' must be http; put TLS in front of the gateway");
        return url;
    }
}
