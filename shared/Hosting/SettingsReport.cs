namespace Quota.Shared.Hosting;

/// <summary>Collects every mistake in the settings, so that a process reports them all at once and ends with exit code 1.</summary>
public sealed class SettingsReport
{
    private readonly List<string> _mistakes = [];

    public IReadOnlyList<string> Mistakes => _mistakes;

    /// <summary>Notes a mistake: which setting, its value (never a secret's), the rule and the way out.</summary>
    public void Add(string setting, string problem) => _mistakes.Add($"{setting}: {problem}");

    /// <summary>Throws when anything was noted.</summary>
    /// <exception cref="SettingsException">Lists all mistakes.</exception>
    public void ThrowIfAny()
    {
        if (_mistakes.Count > 0)
            throw new SettingsException(_mistakes);
    }
}

/// <summary>The settings cannot be used. <see cref="Exception.Message"/> lists every mistake, one a line.</summary>
public sealed class SettingsException(IReadOnlyList<string> mistakes)
    : Exception($"{mistakes.Count} setting{(mistakes.Count == 1 ? "" : "s")} cannot be used:\n" + string.Join('\n', mistakes.Select(mistake => "  - " + mistake)))
{
    public IReadOnlyList<string> Mistakes => mistakes;
}
