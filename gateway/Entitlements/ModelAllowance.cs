using System.IO.Enumeration;

namespace Quota.Gateway.Entitlements;

/// <summary>Which models a key may use: globs with <c>*</c> and <c>?</c>, case-sensitive; no globs allow every model.</summary>
internal static class ModelAllowance
{
    public static bool Allows(IReadOnlyList<string> globs, string model) => globs.Count == 0 || Matches(globs, model);

    /// <summary>True when any glob matches the whole name.</summary>
    public static bool Matches(IReadOnlyList<string> globs, string model)
    {
        foreach (var glob in globs)
        {
            if (FileSystemName.MatchesSimpleExpression(glob, model, ignoreCase: false))
                return true;
        }
        return false;
    }
}
