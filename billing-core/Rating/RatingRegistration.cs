using Microsoft.Extensions.DependencyInjection.Extensions;
using Quota.Billing.Rating.ChargeModels;

namespace Quota.Billing.Rating;

/// <summary>The room's door, and the index of charge models.</summary>
internal static class RatingRegistration
{
    public static IServiceCollection AddRating(this IServiceCollection services)
    {
        // To add a charge model, add its line here.
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IChargeModel, StandardCharge>());
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IChargeModel, GraduatedCharge>());
        return services.AddSingleton<Rater>();
    }
}
