using System.Globalization;
using Quota.Shared.Hosting;

namespace Quota.Billing.Http;

/// <summary>The door of this room: the address, the bounds, the JSON, and the edge where failures become answers.</summary>
internal static class HttpRegistration
{
    public static void AddHttp(this WebApplicationBuilder builder, SettingsReport report)
    {
        var options = new HttpOptions();
        if (builder.Configuration["Http:MaxBodyBytes"] is { } text)
        {
            if (long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var bytes) && bytes is >= 1024 and <= 1L << 30)
                options.MaxBodyBytes = bytes;
            else
                report.Add("Http__MaxBodyBytes", $"'{text}' must be a whole number from 1024 to {1L << 30}");
        }
        CheckUrls(builder, report);
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = options.MaxBodyBytes;
        });
        builder.Services.ConfigureHttpJsonOptions(json => JsonFormats.Configure(json.SerializerOptions));
        builder.Services.Configure<RouteHandlerOptions>(routes => routes.ThrowOnBadRequest = true);
        builder.Services.AddRequestDecompression();
    }

    /// <summary>The outermost part of the pipeline; before any other <c>Use…</c>.</summary>
    public static void UseHttp(this WebApplication app)
    {
        app.UseMiddleware<Edge>();
        app.UseStatusCodePages(pages => ApiErrors.Of(pages.HttpContext.Response.StatusCode, Code(pages.HttpContext)).ExecuteAsync(pages.HttpContext));
        app.UseRouting();
        app.UseRequestDecompression();
    }

    /// <summary>For bare answers of the framework itself.</summary>
    private static string? Code(HttpContext context) => context.Response.StatusCode switch
    {
        StatusCodes.Status404NotFound => "route_not_found",
        StatusCodes.Status405MethodNotAllowed => "not_allowed",
        _ => null,
    };

    private static void CheckUrls(WebApplicationBuilder builder, SettingsReport report)
    {
        if (builder.Configuration["urls"] is not { Length: > 0 } urls)
        {
            builder.WebHost.UseUrls(HttpOptions.DefaultUrls);
            return;
        }
        foreach (var url in urls.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            try
            {
                _ = BindingAddress.Parse(url);
            }
            catch (FormatException)
            {
                report.Add("Urls", $"'{url}' is not an address such as {HttpOptions.DefaultUrls}");
            }
        }
    }
}
