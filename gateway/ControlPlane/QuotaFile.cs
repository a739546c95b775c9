using Quota.Gateway.Forwarding;
using Quota.Shared.ControlPlane;
using YamlDotNet.Core;
using YamlDotNet.Serialization;
using YamlDotNet.Serialization.NamingConventions;

namespace Quota.Gateway.ControlPlane;

/// <summary>What <c>quota.yaml</c> says: the upstreams, and stand-alone also the control snapshot.</summary>
internal sealed record QuotaFile(UpstreamsFile Upstreams, ControlSnapshot? Snapshot)
{
    /// <summary>Reads the file; every mistake goes to <paramref name="mistakes"/> with its place, and then null comes back.</summary>
    /// <param name="standalone">Whether keys, limits and prices are expected here.</param>
    public static QuotaFile? Read(string path, bool standalone, List<string> mistakes)
    {
        QuotaFileText? text;
        try
        {
            text = new DeserializerBuilder().WithNamingConvention(UnderscoredNamingConvention.Instance).Build()
                .Deserialize<QuotaFileText?>(File.ReadAllText(path));
        }
        catch (Exception problem) when (problem is IOException or UnauthorizedAccessException)
        {
            mistakes.Add($"Quota__File: '{path}' cannot be read: {problem.Message}");
            return null;
        }
        catch (YamlException problem)
        {
            mistakes.Add($"{path} line {problem.Start.Line}: {problem.InnerException?.Message ?? problem.Message}");
            return null;
        }
        if (text is null)
        {
            mistakes.Add($"{path}: is empty; it needs upstreams");
            return null;
        }
        var before = mistakes.Count;
        foreach (var (list, entries) in new (string, IEnumerable<object?>)[] { ("keys", text.Keys), ("limits", text.Limits) })
        {
            if (entries.Any(entry => entry is null))
                mistakes.Add($"{path} {list}: an entry is empty; take it out");
        }
        text.Keys.RemoveAll(key => key is null);
        text.Limits.RemoveAll(limit => limit is null);
        var upstreams = UpstreamsText.Read(text, path, mistakes);
        var snapshot = standalone ? StandaloneSnapshot.Build(text, path, mistakes) : null;
        if (!standalone && (text.Keys.Count > 0 || text.Limits.Count > 0 || text.Orgs.Count > 0 || text.Prices is not null))
            mistakes.Add($"{path}: orgs, keys, limits and prices come from the core when ControlPlane__Url is set; remove them here");
        return mistakes.Count == before ? new QuotaFile(upstreams, snapshot) : null;
    }
}
