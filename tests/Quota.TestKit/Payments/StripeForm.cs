using System.Globalization;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.WebUtilities;

namespace Quota.TestKit;

/// <summary>Parameters of one call to Stripe, form-encoded with brackets (<c>metadata[invoice]=1</c>), as their API takes them.</summary>
internal sealed class StripeForm
{
    private readonly SortedDictionary<string, string> _values = new(StringComparer.Ordinal);

    public StripeForm(string encoded)
    {
        foreach (var (name, values) in QueryHelpers.ParseQuery(encoded))
            _values[name] = values.ToString();
    }

    /// <summary>The same text for the same parameters, in whatever order they came.</summary>
    public string Canonical => string.Join('&', _values.Select(v => $"{Uri.EscapeDataString(v.Key)}={Uri.EscapeDataString(v.Value)}"));

    public string? this[string name] => _values.GetValueOrDefault(name);

    public bool Has(string name) => _values.ContainsKey(name);

    public bool Flag(string name) => this[name] is "true";

    /// <summary>Refuses, as Stripe does, any parameter but these (and <c>expand</c>), whatever stands in its brackets.</summary>
    public void Allow(params ReadOnlySpan<string> names)
    {
        foreach (var name in _values.Keys)
        {
            var root = name.Split('[')[0];
            if (root != "expand" && !names.Contains(root))
                throw StripeProblem.Invalid("parameter_unknown", $"Received unknown parameter: {name}", name);
        }
    }

    public string Require(string name) => this[name] is { Length: > 0 } value
        ? value
        : throw StripeProblem.Invalid("parameter_missing", $"Missing required param: {name}.", name);

    public long RequireInteger(string name) =>
        long.TryParse(Require(name), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value)
            ? value
            : throw StripeProblem.Invalid("parameter_invalid_integer", $"Invalid integer: {this[name]}", name);

    /// <summary>Elements of an array parameter: <c>types[]=…</c> or <c>types[0]=…</c>.</summary>
    public IEnumerable<string> Array(string name) =>
        _values.Where(v => v.Key.StartsWith(name + "[", StringComparison.Ordinal)).Select(v => v.Value);

    /// <summary>Puts the sent metadata over what is there; an empty value removes a key.</summary>
    public void MergeMetadata(JsonObject into)
    {
        foreach (var (name, value) in _values)
        {
            if (!name.StartsWith("metadata[", StringComparison.Ordinal))
                continue;
            var key = name["metadata[".Length..^1];
            if (value.Length == 0)
                into.Remove(key);
            else
                into[key] = value;
        }
    }
}
