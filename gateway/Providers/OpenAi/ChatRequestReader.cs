using System.Text.Json;
using Quota.Gateway.Providers.Tokens;

namespace Quota.Gateway.Providers.OpenAi;

/// <summary>
/// Reads a chat request in one pass over its bytes: what bounds its usage, and where <c>stream_options.include_usage</c> and an output
/// bound have to go in. What would be billed at prices that are not metered yet is refused by name, never guessed.
/// </summary>
internal ref struct ChatRequestReader
{
    private const string BoundField = "max_completion_tokens";

    /// <summary>Chats of these models always search once (platform.openai.com/docs/guides/tools-web-search, Chat Completions).</summary>
    private static readonly string[] SearchModels = ["-search-preview", "-search-api"];

    private static readonly Dictionary<string, long> OneSearch = new() { ["web_search"] = 1 };

    private readonly string? _named;
    private readonly ReadOnlyMemory<byte> _body;
    private Utf8JsonReader _json;
    private Fields _seen;
    private string? _model;
    private bool _stream, _hasMedia, _hasAudio, _searches;
    private long? _maxTokens, _maxCompletionTokens, _choices;
    private long _images, _imageBytes;
    private int _rootEnd;
    private BodyRange _modelAt;
    private StreamOptions _streamOptions;
    private string? _tier;
    private (int At, int Length)? _nullMaxTokens, _nullMaxCompletionTokens;
    private Refusal? _refusal;

    private ChatRequestReader(ReadOnlyMemory<byte> body, string? named)
    {
        (_body, _named) = (body, named);
        _json = new Utf8JsonReader(body.Span, new JsonReaderOptions { MaxDepth = 64 });
    }

    /// <summary>Fields of which one in a body is meaning and two are a riddle.</summary>
    [Flags]
    private enum Fields
    {
        Model = 1,
        Stream = 2,
        StreamOptions = 4,
        ServiceTier = 8,
        MaxTokens = 16,
        MaxCompletionTokens = 32,
        Choices = 64,
    }

    /// <param name="named">The model where the path names it; what the body calls it then does not count.</param>
    public static RequestReading Read(ReadOnlyMemory<byte> body, string? named = null) => RequestJson.Read(body, body => new ChatRequestReader(body, named).Read());

    private RequestReading Read()
    {
        if (!_json.Read() || _json.TokenType != JsonTokenType.StartObject)
            return Bad(null, "The body must be a JSON object.");
        while (_json.Read() && _json.TokenType == JsonTokenType.PropertyName)
        {
            ReadField();
            if (_refusal is not null)
                return _refusal;
        }
        _rootEnd = (int)_json.TokenStartIndex;
        _json.Read();   // nothing may follow the object
        if ((_named ?? _model) is not { Length: > 0 } model)
            return Bad("model", "You must name a model.");
        var searches = _searches || SearchModels.Any(it => model.Contains(it, StringComparison.Ordinal));
        var bound = _maxTokens is { } a && _maxCompletionTokens is { } b ? Math.Max(a, b) : _maxTokens ?? _maxCompletionTokens;
        return new ProviderRequest
        {
            Model = model,
            ModelAt = _named is null ? _modelAt : null,
            Stream = _stream,
            InputBytes = _body.Length,
            HasMedia = _hasMedia || searches || _images > 0,   // what a search finds is input, too
            MediaIsImages = !_hasMedia && !searches,
            ImageBytes = _imageBytes,
            HasAudio = _hasAudio,
            Images = _images,
            ToolCalls = searches ? OneSearch : null,
            ServiceTier = _tier,
            OutputBound = bound,
            Choices = _choices ?? 1,
            Body = new SplicedBody(_body),
            BoundPlace = bound is null ? PlaceOfBound() : null,
            OldBoundPlace = bound is null && _nullMaxTokens is var (at, length) ? new BoundPlace(at, length, "\"max_tokens\":") : null,
            UsageAsk = _stream ? _streamOptions.AskAt(_rootEnd) : null,
        };
    }

    private void ReadField()
    {
        var start = (int)_json.TokenStartIndex;
        if (_json.ValueTextEquals("model"u8))
            ReadModel();
        else if (_json.ValueTextEquals("stream"u8))
        {
            _json.Read();
            if (Once("stream", Fields.Stream))
                _stream = Bool("stream");
        }
        else if (_json.ValueTextEquals("max_tokens"u8))
            _maxTokens = Count("max_tokens", Fields.MaxTokens, start, ref _nullMaxTokens);
        else if (_json.ValueTextEquals("max_completion_tokens"u8))
            _maxCompletionTokens = Count(BoundField, Fields.MaxCompletionTokens, start, ref _nullMaxCompletionTokens);
        else if (_json.ValueTextEquals("n"u8))
        {
            (int, int)? isNull = null;
            _choices = Count("n", Fields.Choices, start, ref isNull, most: 128);
        }
        else if (_json.ValueTextEquals("stream_options"u8))
            ReadStreamOptions();
        else if (_json.ValueTextEquals("service_tier"u8))
        {
            _json.Read();
            if (Once(AskedTier.Field, Fields.ServiceTier) && !AskedTier.TryRead(_json, out _tier))
                Refuse(AskedTier.Field, "service_tier must be a word.");
        }
        else if (_json.ValueTextEquals("web_search_options"u8))
        {
            _json.Read();
            _searches |= _json.TokenType != JsonTokenType.Null;
            _json.Skip();
        }
        else if (_json.ValueTextEquals("tools"u8) || _json.ValueTextEquals("functions"u8) || _json.ValueTextEquals("response_format"u8))
            _json.Skip();   // schemas: a property that they call "file" is only a word
        else if (ChatExtras.Find(_json) is { } extra)
            _refusal ??= extra;
        else
            ScanValue();
    }

    private void ReadModel()
    {
        _json.Read();
        if (!Once("model", Fields.Model))
            return;
        if (_json.TokenType != JsonTokenType.String)
            Refuse("model", "model must be a string.");
        else if (_json.GetString() is { Length: <= 256 } model && !RequestJson.HasControl(model))
            (_model, _modelAt) = (model, BodyRange.Of(_json));
        else
            Refuse("model", "The model's name must have at most 256 characters and no control characters.");
    }

    /// <summary>Passes over a value, looking for parts whose tokens bytes do not bound, and for audio in and out.</summary>
    private void ScanValue()
    {
        var isModalities = _json.ValueTextEquals("modalities"u8);
        _json.Read();
        var depth = _json.CurrentDepth;
        if (_json.TokenType is not (JsonTokenType.StartObject or JsonTokenType.StartArray))
            return;
        while (_json.Read() && _json.CurrentDepth > depth)
        {
            _hasAudio |= isModalities && _json.TokenType == JsonTokenType.String && _json.ValueTextEquals("audio"u8);
            if (_json.TokenType != JsonTokenType.PropertyName)
                continue;
            if (_json.ValueTextEquals("image_url"u8))
            {
                _images++;
                _imageBytes += ImageData.InUrl(_json);
            }
            else
            {
                var isAudio = _json.ValueTextEquals("input_audio"u8);
                _hasMedia |= isAudio || _json.ValueTextEquals("file"u8);
                _hasAudio |= isAudio;
            }
        }
    }

    private void ReadStreamOptions()
    {
        if (!Once("stream_options", Fields.StreamOptions))
            return;
        _streamOptions = StreamOptions.Read(ref _json);
        if (_streamOptions.Mistake is var (field, message))
            Refuse(field, message);
    }

    /// <summary>
    /// A null bound gives way to ours with its name, since OpenAI's reasoning models refuse a number as <c>max_tokens</c>; without one,
    /// ours comes last.
    /// </summary>
    private readonly BoundPlace PlaceOfBound() => (_nullMaxCompletionTokens ?? _nullMaxTokens) is var (at, length)
        ? new BoundPlace(at, length, $"\"{BoundField}\":")
        : new BoundPlace(_rootEnd, 0, $",\"{BoundField}\":");

    private long? Count(string field, Fields which, int start, ref (int At, int Length)? isNull, long most = int.MaxValue)
    {
        _json.Read();
        if (!Once(field, which))
            return null;
        if (_json.TokenType == JsonTokenType.Null)
        {
            isNull = (start, (int)_json.BytesConsumed - start);
            return null;
        }
        if (_json.TokenType == JsonTokenType.Number && _json.TryGetInt64(out var count) && count >= 1 && count <= most)
            return count;
        Refuse(field, $"{field} must be a whole number from 1 to {most}.");
        return null;
    }

    private bool Bool(string field)
    {
        if (_json.TokenType is JsonTokenType.True or JsonTokenType.False or JsonTokenType.Null)
            return _json.TokenType == JsonTokenType.True;
        Refuse(field, $"{field} must be true or false.");
        return false;
    }

    private bool Once(string field, Fields which)
    {
        if ((_seen & which) != 0)
            Refuse(field, $"{field} stands twice in the body; which one counts is ambiguous.");
        var isFirst = (_seen & which) == 0;
        _seen |= which;
        return isFirst;
    }

    private void Refuse(string field, string message) => _refusal ??= new Refusal.BadRequest(field, message);

    private static RequestReading Bad(string? field, string message) => new Refusal.BadRequest(field, message);
}
