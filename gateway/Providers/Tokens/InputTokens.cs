using System.Buffers;
using System.Text;
using System.Text.Json;

namespace Quota.Gateway.Providers.Tokens;

/// <summary>
/// Counts the texts of a request to OpenAI. What its models read is made of these and some framing that is not published but known by its size
/// (cookbook.openai.com, How to count tokens with tiktoken): 3 tokens a message, 1 a name, 3 before the answer; 12 for tools and 7 to 10 each, 3 a
/// property, 3 a value of an enum.
/// </summary>
/// <remarks>
/// Texts are counted apart, although some are joined when rendered, and a token may reach across the seam: that costs
/// <see cref="TokensAtSeam"/> more at most. Tools and schemas are rendered with their names; there a text may also stand as it does in JSON, with its
/// escapes, so the larger of both counts.
/// </remarks>
internal ref struct InputTokens
{
    /// <summary>Twice what a search over millions of seams has found (4, of both encodings): what joined texts have more than each by itself. The rest is for framing.</summary>
    public const long TokensAtSeam = 8;

    /// <summary>Brackets of an object or an array, or what stands for them.</summary>
    private const long TokensOfBrackets = 2;

    /// <summary>What there is once: around all tools, and before the answer.</summary>
    private const long TokensAround = 16;

    /// <summary>Fields that no model reads.</summary>
    private static readonly string[] Unread =
        ["model", "user", "safety_identifier", "prompt_cache_key", "metadata", "stop", "logit_bias", "stream_options", "service_tier", "encoding_format"];

    /// <summary>Fields of which a model reads the names, too.</summary>
    private static readonly string[] Schemas = ["tools", "functions", "response_format", "text", "tool_choice", "function_call"];

    private readonly TokenCounter _counter;
    private readonly char[] _chars;
    private Utf8JsonReader _json;
    private long _tokens, _allowance;

    private InputTokens(TokenCounter counter, ReadOnlySpan<byte> body, char[] chars)
    {
        (_counter, _chars, _allowance) = (counter, chars, TokensAround);
        _json = new Utf8JsonReader(body, new JsonReaderOptions { MaxDepth = 64 });
    }

    /// <param name="takesNumbers">Whether a number of the input is a token (of embeddings and completions).</param>
    /// <exception cref="JsonException">No JSON.</exception>
    /// <exception cref="InvalidOperationException">Text that is no Unicode.</exception>
    public static InputCount Of(TokenCounter counter, ReadOnlySpan<byte> body, bool takesNumbers)
    {
        var chars = ArrayPool<char>.Shared.Rent(body.Length);
        try
        {
            return new InputTokens(counter, body, chars).Read(takesNumbers);
        }
        finally
        {
            ArrayPool<char>.Shared.Return(chars);
        }
    }

    private InputCount Read(bool takesNumbers)
    {
        _json.Read();
        while (_json.Read() && _json.TokenType == JsonTokenType.PropertyName)
        {
            var field = _json.GetString()!;
            if (Unread.Contains(field))
                _json.Skip();
            else
                ReadField(isSchema: Schemas.Contains(field), takesNumbers && field is "input" or "prompt");
        }
        return new InputCount(_tokens, _allowance);
    }

    private void ReadField(bool isSchema, bool takesNumbers)
    {
        _json.Read();
        var depth = _json.CurrentDepth;
        Take(isSchema, takesNumbers);
        if (_json.TokenType is not (JsonTokenType.StartObject or JsonTokenType.StartArray))
            return;
        while (_json.Read() && _json.CurrentDepth > depth)
            Take(isSchema, takesNumbers);
    }

    private void Take(bool isSchema, bool takesNumbers)
    {
        switch (_json.TokenType)
        {
            case JsonTokenType.PropertyName when !isSchema:
                _allowance += Count(isSchema, out _);   // for what the framing calls it
                break;
            case JsonTokenType.PropertyName or JsonTokenType.String:
                _tokens += Count(isSchema, out var cuts);
                _allowance += TokensAtSeam * (1 + cuts);
                break;
            case JsonTokenType.Number when takesNumbers:
                _tokens++;
                break;
            case JsonTokenType.Number or JsonTokenType.True or JsonTokenType.False or JsonTokenType.Null:
                _allowance += _json.ValueSpan.Length;
                break;
            case JsonTokenType.StartObject or JsonTokenType.StartArray:
                _allowance += TokensOfBrackets;
                break;
        }
    }

    /// <summary>Tokens of the text that the reader stands on.</summary>
    private readonly long Count(bool isSchema, out long cuts)
    {
        var tokens = _counter.Count(_chars.AsSpan(0, _json.CopyString(_chars)), out cuts);
        if (!isSchema || !_json.ValueIsEscaped)
            return tokens;
        var asItStands = _counter.Count(_chars.AsSpan(0, Encoding.UTF8.GetChars(_json.ValueSpan, _chars)), out var moreCuts);
        cuts = Math.Max(cuts, moreCuts);
        return Math.Max(tokens, asItStands);
    }
}
