using Microsoft.AspNetCore.Authorization;
using Quota.Shared.Hosting;

namespace Quota.Billing.Access;

/// <summary>
/// The door of this room. Default deny: a route that says nothing, and a path that is no route at all, needs the admin key. A route
/// opens itself with <c>.AllowAnonymous()</c>, or to gateways alone with <c>.RequireAuthorization(AccessRegistration.Gateways)</c>.
/// </summary>
internal static class AccessRegistration
{
    public const string Gateways = "gateways";

    public static void AddAccess(this IServiceCollection services, IConfiguration settings, SettingsReport report)
    {
        services.AddSingleton(AccessOptions.Read(settings, report));
        services.AddSingleton<CoreKeys>();
        services.AddHostedService<KeysAtStart>();
        // Not AddAuthentication: that brings data protection, which writes keys of its own into the user's home. We have no cookies.
        services.AddAuthenticationCore(options =>
        {
            options.AddScheme<CoreKeyHandler>(CoreKeyHandler.Name, null);
            options.DefaultScheme = CoreKeyHandler.Name;
        });
        services.AddWebEncoders();
        services.AddTransient<CoreKeyHandler>();
        var admin = new AuthorizationPolicyBuilder().RequireRole(CoreRole.Admin).Build();
        services.AddAuthorizationBuilder()
            .SetDefaultPolicy(admin)
            .SetFallbackPolicy(admin)
            .AddPolicy(Gateways, policy => policy.RequireRole(CoreRole.Gateway));
    }

    public static void UseAccess(this WebApplication app)
    {
        app.UseAuthentication();
        app.UseAuthorization();
    }
}
