namespace Quota.Billing.Http;

/// <summary>
/// Collects every mistake of one input, so that its sender learns all at once. Fields are named as they were sent, with dots inside
/// objects (<c>window.kind</c>) and numbers inside lists (<c>charges.0.properties</c>).
/// </summary>
internal sealed class Validation
{
    private readonly Dictionary<string, List<string>> _details = [];

    public bool IsValid => _details.Count == 0;

    /// <summary>Field → its mistakes, in the order of discovery; the <c>error_details</c> of a 422.</summary>
    public IReadOnlyDictionary<string, List<string>> Details => _details;

    /// <summary>Notes a mistake: one of <see cref="Mistake"/>, or a sentence that says value, rule and way out. A repeat is dropped.</summary>
    public void Add(string field, string problem)
    {
        if (!_details.TryGetValue(field, out var problems))
            _details[field] = problems = [];
        if (!problems.Contains(problem))
            problems.Add(problem);
    }

    public void AddRange(IEnumerable<(string Field, string Problem)> mistakes)
    {
        foreach (var (field, problem) in mistakes)
            Add(field, problem);
    }
}

/// <summary>Lago's words for mistakes, which its SDKs' users match on.</summary>
internal static class Mistake
{
    public const string Mandatory = "value_is_mandatory";
    public const string Invalid = "value_is_invalid";
    public const string AlreadyExists = "value_already_exist";
    public const string OutOfRange = "value_is_out_of_range";
    public const string InvalidFormat = "invalid_format";
    public const string TooLong = "value_is_too_long";
}
