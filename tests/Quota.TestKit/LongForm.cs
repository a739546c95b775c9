namespace Quota.TestKit;

/// <summary>
/// Whether tests run in their long form: the same code with more runs, longer histories, more processes. Short in every build; long
/// under <c>deploy/local/verify</c>, which sets <c>QUOTA_LONG=1</c>.
/// </summary>
public static class LongForm
{
    /// <summary>Set to 1 for the long form.</summary>
    public const string Variable = "QUOTA_LONG";

    /// <summary>Whether this is the long form.</summary>
    public static bool IsOn { get; } = Environment.GetEnvironmentVariable(Variable) == "1";

    /// <summary>The size to use: <c>LongForm.Pick(200, 20_000)</c>.</summary>
    public static T Pick<T>(T inShort, T inLong) => IsOn ? inLong : inShort;
}
