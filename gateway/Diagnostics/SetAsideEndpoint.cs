using Quota.Gateway.Shipping;

namespace Quota.Gateway.Diagnostics;

/// <summary><c>GET /admin/set-aside?last=100</c>: how many events the sink will never store, by status, and the latest with their reason.</summary>
internal static class SetAsideEndpoint
{
    private const int MostLines = 1_000;

    public static Task ShowAsync(HttpContext context)
    {
        var asked = context.Request.Query["last"].ToString();
        var last = 100;
        if (asked.Length > 0 && (!int.TryParse(asked, NumberStyles.None, CultureInfo.InvariantCulture, out last) || last > MostLines))
            return AdminEndpoints.WriteAsync(context, 422, json => json.WriteString("error", $"last: '{asked}' must be a whole number from 0 to {MostLines}"));
        var (counts, latest) = context.RequestServices.GetRequiredService<SetAside>().Read(last);
        return AdminEndpoints.WriteAsync(context, 200, json =>
        {
            json.WriteStartObject("counts");
            foreach (var (status, count) in counts)
                json.WriteNumber(status, count);
            json.WriteEndObject();
            json.WriteStartArray("latest");
            foreach (var line in latest)
                line.WriteTo(json);
            json.WriteEndArray();
        });
    }
}
