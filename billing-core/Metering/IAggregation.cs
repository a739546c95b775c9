namespace Quota.Billing.Metering;

/// <summary>
/// How the events of a metric become one quantity. To add another: a file beside these and one line in
/// <see cref="MeteringRegistration"/>.
/// </summary>
internal interface IAggregation
{
    /// <summary>The metric's <c>aggregation_type</c>, stable.</summary>
    string Name { get; }

    /// <summary>Whether a metric of this type must name a <c>field_name</c>.</summary>
    bool NeedsField { get; }

    /// <summary>A SQL aggregate over the rows of the <c>events</c> view; the field's name is the parameter <c>@field</c>.</summary>
    string Sql { get; }
}
