using System.Text.Json;

namespace Quota.Gateway.Providers.Ollama;

/// <summary>
/// Reads a request of Ollama's in one pass over its bytes (docs.ollama.com/api/chat, /generate, /embed): what bounds its usage, and where an output
/// bound has to go in. Ollama streams unless told not to.
/// </summary>
/// <remarks>Ollama finds fields as Go's encoding/json does, in any case, so a field counts here by its folded name.</remarks>
internal ref struct OllamaRequestReader
{
    private const string BoundField = "num_predict";

    // The model's own system prompt and template, which its owner wrote, and what a template says about tools: beside the client's bytes.
    private const long TemplateTokens = 512, ToolTokens = 1_000;

    private readonly ReadOnlyMemory<byte> _body;
    private readonly bool _isEmbedding;
    private Utf8JsonReader _json;
    private string? _model;
    private BodyRange _modelAt;
    private bool _stream = true, _hasTools;
    private long? _bound;
    private long _images;
    private int _models, _streams, _options, _bounds;
    private BoundPlace? _place;
    private Refusal? _refusal;

    private OllamaRequestReader(ReadOnlyMemory<byte> body, bool isEmbedding)
    {
        (_body, _isEmbedding) = (body, isEmbedding);
        _json = new Utf8JsonReader(body.Span, new JsonReaderOptions { MaxDepth = 64 });
    }

    public static RequestReading Read(ReadOnlyMemory<byte> body, bool isEmbedding) => RequestJson.Read(body, body => new OllamaRequestReader(body, isEmbedding).Read());

    private RequestReading Read()
    {
        if (!_json.Read() || _json.TokenType != JsonTokenType.StartObject)
            return new Refusal.BadRequest(null, "the body must be a JSON object");
        while (_json.Read() && _json.TokenType == JsonTokenType.PropertyName)
        {
            ReadField();
            if (_refusal is not null)
                return _refusal;
        }
        var end = (int)_json.TokenStartIndex;
        _json.Read();   // nothing may follow the object
        if (_model is null)
            return new Refusal.BadRequest("model", "model is required");
        return new ProviderRequest
        {
            Model = _model,
            ModelAt = _modelAt,
            Stream = _stream && !_isEmbedding,
            InputBytes = _body.Length,
            AddedTokens = TemplateTokens + (_hasTools ? ToolTokens : 0),
            HasMedia = _images > 0,
            HasImages = _images > 0,
            Images = _images,
            OutputBound = _isEmbedding ? 0 : _bound,
            Choices = 1,
            Body = new SplicedBody(_body),
            BoundPlace = _isEmbedding || _bound is not null ? null : _place ?? new BoundPlace(end, 0, $",\"options\":{{\"{BoundField}\":", "}"),
        };
    }

    private void ReadField()
    {
        var start = (int)_json.TokenStartIndex;
        var name = Folded(_json);
        _json.Read();
        switch (name)
        {
            case "model":
                Once(name, ref _models);
                if (RequestJson.Model(_json) is { } model)
                    (_model, _modelAt) = (OllamaModel.Short(model), BodyRange.Of(_json));
                else
                    Refuse(name, "model must be a string of at most 256 characters without control characters");
                break;
            case "stream":
                Once(name, ref _streams);
                if (_json.TokenType is not (JsonTokenType.True or JsonTokenType.False or JsonTokenType.Null))
                    Refuse(name, "stream must be true or false");
                _stream = _json.TokenType != JsonTokenType.False;
                break;
            case "options":
                Once(name, ref _options);
                ReadOptions(start);
                break;
            case "tools":
                _hasTools = _json.TokenType == JsonTokenType.StartArray;
                _json.Skip();
                break;
            case "images":
                ReadImages();
                break;
            case "messages":
                ReadMessages();
                break;
            default:
                _json.Skip();
                break;
        }
    }

    private void ReadOptions(int start)
    {
        if (_json.TokenType == JsonTokenType.Null)
        {
            _place = new BoundPlace(start, (int)_json.BytesConsumed - start, $"\"options\":{{\"{BoundField}\":", "}");
            return;
        }
        if (_json.TokenType != JsonTokenType.StartObject)
        {
            Refuse("options", "options must be an object");
            return;
        }
        var (inside, isEmpty) = ((int)_json.BytesConsumed, true);
        while (_json.Read() && _json.TokenType == JsonTokenType.PropertyName)
        {
            isEmpty = false;
            var isBound = _json.ValueTextEquals(BoundField);
            _json.Read();
            if (isBound)
                ReadBound();
            _json.Skip();
        }
        _place ??= new BoundPlace(inside, 0, $"\"{BoundField}\":", isEmpty ? "" : ",");
    }

    /// <summary>None, 0 and less all say: as much as the context holds. Ours takes their place.</summary>
    private void ReadBound()
    {
        Once(BoundField, ref _bounds);
        var at = BodyRange.Of(_json);
        if (_json.TokenType == JsonTokenType.Number && _json.TryGetInt64(out var bound) && bound <= int.MaxValue)
            _bound = bound > 0 ? bound : null;
        else if (_json.TokenType != JsonTokenType.Null)
            Refuse(BoundField, $"{BoundField} must be a whole number of at most {int.MaxValue}");
        if (_bound is null)
            _place = new BoundPlace(at.At, at.Length, "");
    }

    private void ReadMessages()
    {
        var depth = _json.CurrentDepth;
        if (_json.TokenType != JsonTokenType.StartArray)
        {
            _json.Skip();
            return;
        }
        while (_json.Read() && _json.CurrentDepth > depth)
        {
            if (_json.TokenType != JsonTokenType.PropertyName)
                continue;
            var isImages = _json.CurrentDepth == depth + 2 && Folded(_json) == "images";
            _json.Read();
            if (isImages)
                ReadImages();
            else
                _json.Skip();
        }
    }

    private void ReadImages()
    {
        var depth = _json.CurrentDepth;
        if (_json.TokenType != JsonTokenType.StartArray)
        {
            _json.Skip();
            return;
        }
        while (_json.Read() && _json.CurrentDepth > depth)
        {
            _images++;
            _json.Skip();
        }
    }

    /// <summary>A field's name as Go compares it: 'ſ' is an s and the Kelvin sign a k.</summary>
    private static string Folded(in Utf8JsonReader json) => json.GetString()!.Replace('ſ', 's').Replace('\u212A', 'k').ToLowerInvariant();

    private void Once(string field, ref int seen)
    {
        if (seen++ > 0)
            Refuse(field, $"{field} stands twice in the body; which one counts is ambiguous");
    }

    private void Refuse(string field, string message) => _refusal ??= new Refusal.BadRequest(field, message);
}
