using Quota.Gateway.Providers;
using Quota.Gateway.Providers.Generic;

namespace Quota.Gateway.ControlPlane;

/// <summary>Reads what <c>quota.yaml</c> says of a generic upstream alone: how its calls are metered, and which header names a model.</summary>
internal static class GenericText
{
    // First segments of other grammars' paths.
    private static readonly string[] Taken = ["v1", "v1beta", "api", "openai", "model", "models"];

    /// <summary>The upstream with what is said here; what is wrong goes to <paramref name="mistakes"/>.</summary>
    public static Upstream Read(Upstream upstream, UpstreamText text, string place, List<string> mistakes)
    {
        if (upstream.Protocol != GenericAdapter.Word)
        {
            if (text.Meter.Count > 0 || text.Model is not null)
                mistakes.Add($"{place}: meter and model are of generic upstreams only");
            return upstream;
        }
        if (upstream.Name.Length > 64 || !upstream.Name.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-') || Taken.Contains(upstream.Name))
            mistakes.Add($"{place}: its name is the beginning of its paths: letters, digits, '_' and '-', at most 64, and none of {string.Join(", ", Taken)}");
        if (text.Models.Count + text.Names.Count > 0)
            mistakes.Add($"{place}: models and names are not of generic upstreams; its one model is '{upstream.Name}', and with model: {{ header: … }} '{upstream.Name}/…'");
        if (text.Model is { } model && (model.Header is null || !IsHeader(model.Header)))
            mistakes.Add($"{place}.model.header: '{model.Header}' is not the name of a header");
        if (upstream.Options.GetValueOrDefault(GenericAdapter.CredentialHeader) is { } header && !IsHeader(header))
            mistakes.Add($"{place}.options.{GenericAdapter.CredentialHeader}: '{header}' is not the name of a header");
        return upstream with
        {
            Models = [text.Model is null ? upstream.Name : upstream.Name + "/*"],
            ModelHeader = text.Model?.Header,
            Units = [.. text.Meter.Select(unit => Read(unit.Key, unit.Value ?? new MeterText(), $"{place}.meter.{unit.Key}", mistakes)).OfType<UnitSource>()],
        };
    }

    private static UnitSource? Read(string unit, MeterText text, string place, List<string> mistakes)
    {
        var before = mistakes.Count;
        var path = text.Json is null ? null : JsonPath.Parse(text.Json);
        if (!UnitSource.Units.Contains(unit))
            mistakes.Add($"{place}: is not metered; use {string.Join(", ", UnitSource.Units)} (requests and bytes are counted always)");
        if (text is { Header: not null, Json: not null } || (text is { Header: null, Json: null } && unit != UnitSource.Seconds))
            mistakes.Add($"{place}: needs one of header and json{(unit == UnitSource.Seconds ? ", or neither for the time that calls take" : "")}");
        if (text.Header is { } header && !IsHeader(header))
            mistakes.Add($"{place}.header: '{header}' is not the name of a header");
        if (text.Json is not null && path is null)
            mistakes.Add($"{place}.json: '{text.Json}' is not a path such as data.items[0].count");
        if (text.Most is not (>= 1 and <= int.MaxValue))
            mistakes.Add($"{place}.most: '{text.Most}' must be the most that one call can use, 1 to {int.MaxValue}: so much is held before it");
        return mistakes.Count > before ? null : new UnitSource(unit, text.Header, path, text.Most!.Value);
    }

    private static bool IsHeader(string name) => name.Length is > 0 and <= 128 && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_');
}
