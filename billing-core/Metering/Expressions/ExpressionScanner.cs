namespace Quota.Billing.Metering.Expressions;

/// <summary>Walks over an expression's letters. Every look-up skips the spaces before it.</summary>
internal sealed class ExpressionScanner(string text)
{
    private int _at;

    /// <summary>Of the next letter that is no space, from 1.</summary>
    public int Position
    {
        get
        {
            while (_at < text.Length && text[_at] is ' ' or '\t' or '\r' or '\n')
                _at++;
            return _at + 1;
        }
    }

    public bool AtEnd => Position > text.Length;

    /// <summary>The next letter; a space at the end.</summary>
    public char Next => AtEnd ? ' ' : text[_at];

    public bool NextIsDigit => char.IsAsciiDigit(Next);

    public bool NextIsName => char.IsAsciiLetter(Next) || Next == '_';

    /// <summary>Goes past the next letter if it is this one.</summary>
    public bool Take(char letter)
    {
        var found = Next == letter && !AtEnd;
        _at += found ? 1 : 0;
        return found;
    }

    /// <summary>A name with its dots: <c>event.properties.gb</c>, <c>round</c>.</summary>
    public string TakeName() => TakeWhile(letter => char.IsAsciiLetterOrDigit(letter) || letter is '_' or '.');

    /// <summary>Digits and points, whatever they mean.</summary>
    public string TakeNumber() => TakeWhile(letter => char.IsAsciiDigit(letter) || letter == '.');

    /// <summary>What stands between the next letter, a quote, and the one after; null when there is none after.</summary>
    public string? TakeQuoted()
    {
        var start = Position;
        var end = text.IndexOf('\'', start);
        _at = end < 0 ? text.Length : end + 1;
        return end < 0 ? null : text[start..end];
    }

    private string TakeWhile(Func<char, bool> belongs)
    {
        var start = Position - 1;
        while (_at < text.Length && belongs(text[_at]))
            _at++;
        return text[start.._at];
    }
}
