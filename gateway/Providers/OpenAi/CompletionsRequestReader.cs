using System.Text.Json;

namespace Quota.Gateway.Providers.OpenAi;

/// <summary>
/// Reads a request for completions, the older form (platform.openai.com/docs/api-reference/completions/create). Each prompt is completed
/// <c>n</c> times, and made <c>best_of</c> times where that is more: all of them are billed. Without <c>max_tokens</c> it is 16.
/// </summary>
internal ref struct CompletionsRequestReader
{
    /// <summary>What the reference says of a request that names no bound.</summary>
    public const long DefaultBound = 16;

    private const long MostChoices = 1 << 20;

    private readonly ReadOnlyMemory<byte> _body;
    private readonly string? _named;
    private readonly HashSet<string> _seen = new(StringComparer.Ordinal);
    private Utf8JsonReader _json;
    private string? _model;
    private BodyRange _modelAt;
    private bool _stream;
    private long _prompts = 1, _choices = 1, _bestOf = 1;
    private long? _bound;
    private StreamOptions _streamOptions;
    private string? _tier;
    private Refusal? _refusal;

    private CompletionsRequestReader(ReadOnlyMemory<byte> body, string? named)
    {
        (_body, _named) = (body, named);
        _json = new Utf8JsonReader(body.Span, new JsonReaderOptions { MaxDepth = 64 });
    }

    /// <param name="named">As for chats.</param>
    public static RequestReading Read(ReadOnlyMemory<byte> body, string? named = null) => RequestJson.Read(body, body => new CompletionsRequestReader(body, named).Read());

    private RequestReading Read()
    {
        if (!_json.Read() || _json.TokenType != JsonTokenType.StartObject)
            return new Refusal.BadRequest(null, "The body must be a JSON object.");
        while (_json.Read() && _json.TokenType == JsonTokenType.PropertyName)
        {
            ReadField();
            if (_refusal is not null)
                return _refusal;
        }
        var rootEnd = (int)_json.TokenStartIndex;
        _json.Read();   // nothing may follow the object
        if ((_named ?? _model) is not { Length: > 0 } model)
            return new Refusal.BadRequest("model", "You must name a model.");
        var choices = _prompts * Math.Max(_choices, _bestOf);
        if (choices > (_stream ? CompletionsStreamUsage.MostChoices : MostChoices))
            return new Refusal.BadRequest("prompt", $"Prompts times completions must be at most {(_stream ? CompletionsStreamUsage.MostChoices : MostChoices)}{(_stream ? " in a stream" : "")}.");
        return new ProviderRequest
        {
            Model = model,
            ModelAt = _named is null ? _modelAt : null,
            Stream = _stream,
            InputBytes = _body.Length,
            HasMedia = false,
            Images = 0,
            ServiceTier = _tier,
            OutputBound = _bound ?? DefaultBound,
            Choices = choices,
            Body = new SplicedBody(_body),
            BoundPlace = null,
            UsageAsk = _stream ? _streamOptions.AskAt(rootEnd) : null,
        };
    }

    private void ReadField()
    {
        var field = _json.GetString()!;
        if (field is not ("model" or "prompt" or "stream" or "stream_options" or "max_tokens" or "n" or "best_of" or AskedTier.Field))
        {
            _json.Skip();
            return;
        }
        if (!_seen.Add(field))
            Refuse(field, $"{field} stands twice in the body; which one counts is ambiguous.");
        if (field == "stream_options")
        {
            _streamOptions = StreamOptions.Read(ref _json);
            if (_streamOptions.Mistake is var (wrong, message))
                Refuse(wrong, message);
            return;
        }
        _json.Read();
        switch (field)
        {
            case "model" when RequestJson.Model(_json) is { } model:
                (_model, _modelAt) = (model, BodyRange.Of(_json));
                break;
            case "model":
                Refuse(field, "model must be a string of at most 256 characters without control characters.");
                break;
            case "prompt":
                ReadPrompt();
                break;
            case "stream" when _json.TokenType is JsonTokenType.True or JsonTokenType.False or JsonTokenType.Null:
                _stream = _json.TokenType == JsonTokenType.True;
                break;
            case "stream":
                Refuse(field, "stream must be true or false.");
                break;
            case AskedTier.Field when !AskedTier.TryRead(_json, out _tier):
                Refuse(field, "service_tier must be a word.");
                break;
            case "max_tokens":
                _bound = Count(field, 0, int.MaxValue);
                break;
            case "n":
                _choices = Count(field, 1, 128) ?? 1;
                break;
            case "best_of":
                _bestOf = Count(field, 0, 128) ?? 1;
                break;
        }
        _json.Skip();
    }

    /// <summary>A text, texts, the tokens of one, or the tokens of several.</summary>
    private void ReadPrompt()
    {
        if (_json.TokenType is JsonTokenType.String or JsonTokenType.Null)
            return;
        if (_json.TokenType != JsonTokenType.StartArray)
        {
            Refuse("prompt", "prompt must be a string or an array.");
            return;
        }
        var (depth, several) = (_json.CurrentDepth, 0L);
        while (_json.Read() && _json.CurrentDepth > depth)
        {
            if (_json.CurrentDepth == depth + 1 && _json.TokenType is JsonTokenType.String or JsonTokenType.StartArray)
                several++;
        }
        _prompts = Math.Max(1, several);
    }

    private long? Count(string field, long least, long most)
    {
        if (_json.TokenType == JsonTokenType.Null)
            return null;
        if (_json.TokenType == JsonTokenType.Number && _json.TryGetInt64(out var count) && count >= least && count <= most)
            return count;
        Refuse(field, $"{field} must be a whole number from {least} to {most}.");
        return null;
    }

    private void Refuse(string field, string message) => _refusal ??= new Refusal.BadRequest(field, message);
}
