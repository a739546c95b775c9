namespace Quota.Gateway.Providers.Generic;

/// <summary>Where a unit of a generic upstream's calls is read: in a header of the answer, at a path in its JSON, or, of <c>seconds</c> with neither, on the clock.</summary>
/// <param name="Unit">One of <see cref="Units"/>.</param>
/// <param name="Most">So many are held before a call, and counted when its answer does not say.</param>
internal sealed record UnitSource(string Unit, string? Header, JsonPath? Json, long Most)
{
    public const string Seconds = "seconds";

    public static readonly IReadOnlyList<string> Units = [Seconds, "images", "characters", "input_tokens", "output_tokens"];

    public bool IsClock => Header is null && Json is null;
}
