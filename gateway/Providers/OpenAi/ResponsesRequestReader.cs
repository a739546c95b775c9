using System.Text.Json;

namespace Quota.Gateway.Providers.OpenAi;

/// <summary>
/// Reads a request for a response in one pass over its bytes (platform.openai.com/docs/api-reference/responses/create): what bounds its
/// usage. What would be billed at prices that are not metered yet (OpenAI's own tools, other service tiers), or when nobody watches
/// (<c>background</c>), is refused by name.
/// </summary>
internal ref struct ResponsesRequestReader
{
    private const string BoundField = "max_output_tokens";
    private static readonly string[] ClientTools = ["function", "custom", "local_shell", "apply_patch"];

    private readonly ReadOnlyMemory<byte> _body;
    private Utf8JsonReader _json;
    private string? _model;
    private bool _stream, _isUnbounded;
    private long? _bound;
    private long _images;
    private int _models, _streams, _bounds;
    private (int At, int Length)? _nullBound;
    private Refusal? _refusal;

    private ResponsesRequestReader(ReadOnlyMemory<byte> body)
    {
        _body = body;
        _json = new Utf8JsonReader(body.Span, new JsonReaderOptions { MaxDepth = 64 });
    }

    public static RequestReading Read(ReadOnlyMemory<byte> body) => RequestJson.Read(body, static body => new ResponsesRequestReader(body).Read());

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
        var end = (int)_json.TokenStartIndex;
        _json.Read();   // nothing may follow the object
        if (_model is not { Length: > 0 })
            return new Refusal.BadRequest("model", "You must name a model.");
        return new ProviderRequest
        {
            Model = _model,
            Stream = _stream,
            InputBytes = _body.Length,
            HasMedia = _isUnbounded,
            Images = _images,
            OutputBound = _bound,
            Choices = 1,
            Body = new SplicedBody(_body),
            BoundPlace = _bound is not null ? null : _nullBound is var (at, length) ? new BoundPlace(at, length, $"\"{BoundField}\":") : new BoundPlace(end, 0, $",\"{BoundField}\":"),
            HidesUsage = false,
        };
    }

    private void ReadField()
    {
        var start = (int)_json.TokenStartIndex;
        if (_json.ValueTextEquals("model"u8))
        {
            _json.Read();
            Once("model", ref _models);
            if (RequestJson.Model(_json) is { } model)
                _model = model;
            else
                Refuse("model", "model must be a string of at most 256 characters without control characters.");
        }
        else if (_json.ValueTextEquals("stream"u8))
        {
            _json.Read();
            Once("stream", ref _streams);
            _stream = Flag("stream");
        }
        else if (_json.ValueTextEquals("max_output_tokens"u8))
            ReadBound(start);
        else if (_json.ValueTextEquals("background"u8))
        {
            _json.Read();
            if (Flag("background"))
                Refuse("background", "A response that is made while nobody waits cannot be metered yet; leave it out.");
        }
        else if (_json.ValueTextEquals("service_tier"u8))
        {
            _json.Read();
            if (_json.TokenType != JsonTokenType.Null && !(_json.TokenType == JsonTokenType.String && (_json.ValueTextEquals("default"u8) || _json.ValueTextEquals("auto"u8))))
                Refuse("service_tier", "This service tier has prices that are not metered yet; use default.");
        }
        else if (_json.ValueTextEquals("previous_response_id"u8) || _json.ValueTextEquals("conversation"u8) || _json.ValueTextEquals("prompt"u8))
        {
            // What was said before, or stands in a template, is input as well, and is not in this body.
            _json.Read();
            _isUnbounded |= _json.TokenType != JsonTokenType.Null;
            _json.Skip();
        }
        else if (_json.ValueTextEquals("tools"u8))
            ReadTools();
        else if (_json.ValueTextEquals("input"u8))
            ReadInput();
        else
            _json.Skip();
    }

    private void ReadBound(int start)
    {
        _json.Read();
        Once(BoundField, ref _bounds);
        if (_json.TokenType == JsonTokenType.Null)
            _nullBound = (start, (int)_json.BytesConsumed - start);
        else if (_json.TokenType == JsonTokenType.Number && _json.TryGetInt64(out var bound) && bound is >= 1 and <= int.MaxValue)
            _bound = bound;
        else
            Refuse(BoundField, $"{BoundField} must be a whole number from 1 to {int.MaxValue}.");
    }

    /// <summary>A tool that OpenAI runs itself bills by the use and feeds on what it finds.</summary>
    private void ReadTools()
    {
        _json.Read();
        if (_json.TokenType != JsonTokenType.StartArray)
            return;
        var depth = _json.CurrentDepth;
        while (_json.Read() && _json.CurrentDepth > depth)
        {
            if (_json.TokenType != JsonTokenType.PropertyName || _json.CurrentDepth != depth + 2)
                continue;
            var isType = _json.ValueTextEquals("type"u8);
            _json.Read();
            if (isType && (_json.TokenType != JsonTokenType.String || !ClientTools.Contains(_json.GetString())))
                Refuse("tools", $"The tool '{(_json.TokenType == JsonTokenType.String && _json.GetString() is { Length: <= 64 } name ? name : "")}' is run by OpenAI and billed in ways that are not metered yet; leave it out.");
            _json.Skip();
        }
    }

    /// <summary>Looks for parts whose tokens bytes do not bound.</summary>
    private void ReadInput()
    {
        _json.Read();
        var depth = _json.CurrentDepth;
        if (_json.TokenType != JsonTokenType.StartArray)
            return;
        while (_json.Read() && _json.CurrentDepth > depth)
        {
            if (_json.TokenType != JsonTokenType.PropertyName || !_json.ValueTextEquals("type"u8))
                continue;
            _json.Read();
            if (_json.TokenType != JsonTokenType.String)
                continue;
            _images += _json.ValueTextEquals("input_image"u8) ? 1 : 0;
            // Items and pictures may also stand there by reference only.
            _isUnbounded |= _json.ValueTextEquals("input_image"u8) || _json.ValueTextEquals("input_file"u8) || _json.ValueTextEquals("input_audio"u8)
                || _json.ValueTextEquals("item_reference"u8) || _json.ValueTextEquals("reasoning"u8) || _json.ValueTextEquals("compaction"u8) || _json.ValueTextEquals("computer_call_output"u8);
        }
    }

    private bool Flag(string field)
    {
        if (_json.TokenType is not (JsonTokenType.True or JsonTokenType.False or JsonTokenType.Null))
            Refuse(field, $"{field} must be true or false.");
        return _json.TokenType == JsonTokenType.True;
    }

    private void Once(string field, ref int seen)
    {
        if (seen++ > 0)
            Refuse(field, $"{field} stands twice in the body; which one counts is ambiguous.");
    }

    private void Refuse(string field, string message) => _refusal ??= new Refusal.BadRequest(field, message);
}
