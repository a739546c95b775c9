using Microsoft.ML.Tokenizers;

namespace Quota.Gateway.Providers.Tokens;

/// <summary>Counts tokens as the models of one family do. Loaded in the background when first asked for: no request waits for it.</summary>
/// <remarks>
/// A table of merges takes 0.2-0.5 s to load and 40 MB to keep, so only families that are asked for have one. The tokenizer's work grows with the
/// square of a text without spaces (100,000 Chinese letters: 54 s), so text is counted in pieces of <see cref="PieceChars"/>: 1.5 µs a letter at worst,
/// 0.1 µs in English.
/// </remarks>
internal sealed class TokenCounter
{
    /// <summary>The longest piece that is counted at once.</summary>
    public const int PieceChars = 256;

    private static readonly Lazy<Task<TokenCounter>> O200k = Loaded("o200k_base"), Cl100k = Loaded("cl100k_base");

    /// <summary>The first that fits decides. As tiktoken knows them (github.com/openai/tiktoken, <c>tiktoken/model.py</c>), with all of gpt-5.</summary>
    private static readonly (string Name, Lazy<Task<TokenCounter>> Counter)[] Families =
    [
        ("gpt-5", O200k), ("gpt-4.1", O200k), ("gpt-4.5", O200k), ("gpt-4o", O200k), ("chatgpt-4o", O200k), ("o1", O200k), ("o3", O200k), ("o4-mini", O200k),
        ("gpt-4", Cl100k), ("gpt-3.5-turbo", Cl100k), ("gpt-35-turbo", Cl100k), ("text-embedding-3", Cl100k), ("text-embedding-ada-002", Cl100k),
        ("davinci-002", Cl100k), ("babbage-002", Cl100k),
    ];

    /// <summary>These read more than the request holds: what they search, what they hear.</summary>
    private static readonly string[] Others = ["search", "deep-research", "audio", "realtime"];

    private readonly Tokenizer _tokenizer;

    private TokenCounter(Tokenizer tokenizer) => _tokenizer = tokenizer;

    /// <summary>The counter of a model; null when its tokenizer is not public, or not loaded yet.</summary>
    public static TokenCounter? For(string model) => Loading(model) is { IsCompletedSuccessfully: true } loaded ? loaded.Result : null;

    /// <summary>The same, for who can wait; null when its tokenizer is not public.</summary>
    public static Task<TokenCounter>? Loading(string model)
    {
        var name = model.AsSpan();
        if (name.StartsWith("ft:"))
            name = name[3..];
        foreach (var other in Others)
        {
            if (name.Contains(other, StringComparison.Ordinal))
                return null;
        }
        foreach (var family in Families)
        {
            if (IsOf(name, family.Name))
                return family.Counter.Value;
        }
        return null;
    }

    /// <summary>Tokens of a text by itself.</summary>
    /// <param name="cuts">How often it was cut where a token may reach across: at each, the whole may have some tokens more or fewer.</param>
    public long Count(ReadOnlySpan<char> text, out long cuts)
    {
        cuts = 0;
        var tokens = 0L;
        while (!text.IsEmpty)
        {
            var length = PieceOf(text, out var isExact);
            tokens += _tokenizer.CountTokens(text[..length]);
            text = text[length..];
            cuts += isExact || text.IsEmpty ? 0 : 1;
        }
        return tokens;
    }

    /// <summary>
    /// How long the next piece is. No token of either encoding reaches from something else into a space, so a cut before one changes nothing. Between
    /// the signs of <c>&lt;|endoftext|&gt;</c> and the like is always one: for a provider a client's text is text, for the tokenizer it were one token.
    /// </summary>
    private static int PieceOf(ReadOnlySpan<char> text, out bool isExact)
    {
        var window = text[..Math.Min(text.Length, PieceChars)];
        var special = window.IndexOf("<|");
        isExact = special < 0;
        if (!isExact)
            return special + 1;
        if (window.Length == text.Length)
            return window.Length;
        for (var i = window.Length - 1; i > 0; i--)
        {
            if (window[i] == ' ' && !char.IsWhiteSpace(window[i - 1]))
                return i;
        }
        isExact = false;
        return char.IsHighSurrogate(window[^1]) ? window.Length - 1 : window.Length;
    }

    /// <summary>A family's name, then nothing or what a version begins with: <c>gpt-4</c> is neither <c>gpt-4o</c> nor <c>gpt-4.1</c>.</summary>
    private static bool IsOf(ReadOnlySpan<char> model, string family) =>
        model.StartsWith(family) && (model.Length == family.Length || model[family.Length] is '-' or ':' || (family == "gpt-5" && model[family.Length] == '.'));

    private static Lazy<Task<TokenCounter>> Loaded(string encoding) => new(() => Task.Run(() => new TokenCounter(TiktokenTokenizer.CreateForEncoding(encoding))));
}
