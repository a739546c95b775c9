using System.Text.Json;

namespace Quota.Gateway.Providers.OpenAi;

/// <summary>
/// Reads a chat request in one pass over its bytes: what bounds its usage, and where <c>stream_options.include_usage</c> has to go in.
/// What would be billed at prices that are not metered yet is refused by name, never guessed.
/// </summary>
internal ref struct ChatRequestReader
{
    private readonly ReadOnlyMemory<byte> _body;
    private Utf8JsonReader _json;
    private string? _model;
    private bool? _stream;
    private long? _maxTokens, _maxCompletionTokens, _choices;
    private bool _hasMedia, _includesUsage;
    private int _rootEnd;
    private (int Start, bool IsEmpty)? _options;
    private int? _nullOptions;
    private (int Start, int Length)? _includeUsage;
    private Refusal? _refusal;

    private ChatRequestReader(ReadOnlyMemory<byte> body)
    {
        _body = body;
        _json = new Utf8JsonReader(body.Span, new JsonReaderOptions { MaxDepth = 64 });
    }

    public static RequestReading Read(ReadOnlyMemory<byte> body)
    {
        try
        {
            return new ChatRequestReader(body).Read();
        }
        catch (JsonException problem)
        {
            return Bad(null, $"The body is not valid JSON (line {problem.LineNumber + 1}, byte {problem.BytePositionInLine + 1}).");
        }
        catch (InvalidOperationException)
        {
            return Bad(null, "The body holds text that is not valid UTF-8 or has an invalid escape.");
        }
    }

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
        if (_model is not { Length: > 0 })
            return Bad("model", "You must name a model.");
        var hides = _stream == true && !_includesUsage;
        return new ProviderRequest
        {
            Model = _model,
            Stream = _stream == true,
            InputBytes = _body.Length,
            HasMedia = _hasMedia,
            OutputBound = _maxTokens is { } a && _maxCompletionTokens is { } b ? Math.Max(a, b) : _maxTokens ?? _maxCompletionTokens,
            Choices = _choices ?? 1,
            Body = hides ? WithUsageAsked() : _body,
            HidesUsage = hides,
        };
    }

    private void ReadField()
    {
        if (_json.ValueTextEquals("model"u8))
        {
            _json.Read();
            if (Once("model", _model is not null) && _json.TokenType == JsonTokenType.String)
                _model = _json.GetString() is { Length: <= 256 } model && !model.Any(char.IsControl) ? model : Refuse("model", "The model's name must have at most 256 characters and no control characters.");
            else
                Refuse("model", "model must be a string.");
        }
        else if (_json.ValueTextEquals("stream"u8))
        {
            _json.Read();
            if (Once("stream", _stream is not null))
                _stream = Bool("stream");
        }
        else if (_json.ValueTextEquals("max_tokens"u8))
            _maxTokens = Count("max_tokens", _maxTokens);
        else if (_json.ValueTextEquals("max_completion_tokens"u8))
            _maxCompletionTokens = Count("max_completion_tokens", _maxCompletionTokens);
        else if (_json.ValueTextEquals("n"u8))
            _choices = Count("n", _choices, most: 128);
        else if (_json.ValueTextEquals("stream_options"u8))
            ReadStreamOptions();
        else if (_json.ValueTextEquals("service_tier"u8))
        {
            _json.Read();
            if (_json.TokenType != JsonTokenType.Null && !_json.ValueTextEquals("default"u8) && !_json.ValueTextEquals("auto"u8))
                Refuse("service_tier", "This service tier has prices that are not metered yet; use default.");
        }
        else if (_json.ValueTextEquals("web_search_options"u8))
        {
            _json.Read();
            if (_json.TokenType != JsonTokenType.Null)
                Refuse("web_search_options", "Web search is billed per call of a server tool, which is not metered yet; leave it out.");
            _json.Skip();
        }
        else
            ScanValue();
    }

    /// <summary>Passes over a value, looking for parts whose tokens bytes do not bound, and for audio output.</summary>
    private void ScanValue()
    {
        var isModalities = _json.ValueTextEquals("modalities"u8);
        _json.Read();
        var depth = _json.CurrentDepth;
        if (_json.TokenType is not (JsonTokenType.StartObject or JsonTokenType.StartArray))
            return;
        while (_json.Read() && _json.CurrentDepth > depth)
        {
            if (isModalities && _json.TokenType == JsonTokenType.String && _json.ValueTextEquals("audio"u8))
                Refuse("modalities", "Audio output has prices that are not metered yet; use text.");
            if (_json.TokenType != JsonTokenType.PropertyName)
                continue;
            _hasMedia |= _json.ValueTextEquals("image_url"u8) || _json.ValueTextEquals("input_audio"u8) || _json.ValueTextEquals("file"u8);
        }
    }

    private void ReadStreamOptions()
    {
        _json.Read();
        if (!Once("stream_options", _options is not null || _nullOptions is not null))
        {
            _json.Skip();
            return;
        }
        if (_json.TokenType == JsonTokenType.Null)
        {
            _nullOptions = (int)_json.TokenStartIndex;
            return;
        }
        if (_json.TokenType != JsonTokenType.StartObject)
        {
            Refuse("stream_options", "stream_options must be an object.");
            return;
        }
        var start = (int)_json.BytesConsumed;
        var isEmpty = true;
        while (_json.Read() && _json.TokenType == JsonTokenType.PropertyName)
        {
            isEmpty = false;
            var isUsage = _json.ValueTextEquals("include_usage"u8);
            _json.Read();
            if (isUsage && Once("stream_options.include_usage", _includeUsage is not null))
            {
                _includesUsage = Bool("stream_options.include_usage");
                _includeUsage = ((int)_json.TokenStartIndex, (int)(_json.BytesConsumed - _json.TokenStartIndex));
            }
            _json.Skip();
        }
        _options = (start, isEmpty);
    }

    private readonly ReadOnlyMemory<byte> WithUsageAsked()
    {
        if (_includeUsage is { } value)
            return Splice(value.Start, value.Length, "true"u8);
        if (_nullOptions is { } position)
            return Splice(position, 4, "{\"include_usage\":true}"u8);
        if (_options is { } options)
            return Splice(options.Start, 0, options.IsEmpty ? "\"include_usage\":true"u8 : "\"include_usage\":true,"u8);
        return Splice(_rootEnd, 0, ",\"stream_options\":{\"include_usage\":true}"u8);
    }

    private readonly byte[] Splice(int at, int remove, ReadOnlySpan<byte> insert) =>
        [.. _body.Span[..at], .. insert, .. _body.Span[(at + remove)..]];

    private long? Count(string field, long? before, long most = int.MaxValue)
    {
        _json.Read();
        if (!Once(field, before is not null))
            return null;
        if (_json.TokenType == JsonTokenType.Null)
            return before;
        if (_json.TokenType == JsonTokenType.Number && _json.TryGetInt64(out var count) && count >= 1 && count <= most)
            return count;
        Refuse(field, $"{field} must be a whole number from 1 to {most}.");
        _json.Skip();
        return null;
    }

    private bool Bool(string field)
    {
        if (_json.TokenType is JsonTokenType.True or JsonTokenType.False or JsonTokenType.Null)
            return _json.TokenType == JsonTokenType.True;
        Refuse(field, $"{field} must be true or false.");
        _json.Skip();
        return false;
    }

    private bool Once(string field, bool stoodBefore)
    {
        if (stoodBefore)
            Refuse(field, $"{field} stands twice in the body; which one counts is ambiguous.");
        return !stoodBefore;
    }

    private string? Refuse(string field, string message)
    {
        _refusal ??= new Refusal.BadRequest(field, message);
        return null;
    }

    private static RequestReading Bad(string? field, string message) => new Refusal.BadRequest(field, message);
}
