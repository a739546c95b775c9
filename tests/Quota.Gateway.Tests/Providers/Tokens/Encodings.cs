using Microsoft.ML.Tokenizers;

namespace Quota.Gateway.Tests.Providers.Tokens;

/// <summary>What a tokenizer counts by itself, a text in one piece: the truth that bounds are held against.</summary>
/// <param name="Model">A model that has it.</param>
internal sealed record TokenEncoding(string Model, string Name)
{
    private const string Special = "<|endoftext|>";
    private const long SpecialAsText = 7;
    private readonly Lazy<Tokenizer> _tokenizer = new(() => TiktokenTokenizer.CreateForEncoding(Name));

    /// <summary>Tokens of a text; what looks like a special token is text in it.</summary>
    public long Count(string text) => _tokenizer.Value.CountTokens(text) + (text.Split(Special).Length - 1) * (SpecialAsText - 1);
}

internal static class Encodings
{
    public static TokenEncoding O200k { get; } = new("gpt-4o", "o200k_base");

    public static TokenEncoding Cl100k { get; } = new("gpt-4", "cl100k_base");

    public static IReadOnlyList<TokenEncoding> All { get; } = [O200k, Cl100k];
}
