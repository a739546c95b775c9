using System.Text.Json;
using Quota.Gateway.Providers.Tokens;

namespace Quota.Gateway.Providers.OpenAi;

/// <summary>
/// Reads a request for a response in one pass over its bytes (platform.openai.com/docs/api-reference/responses/create): what bounds its
/// usage. Tools that OpenAI runs itself need <c>max_tool_calls</c>; those that bill otherwise than by the call, and what is made when nobody
/// watches (<c>background</c>), are refused by name.
/// </summary>
internal ref struct ResponsesRequestReader
{
    private const string BoundField = "max_output_tokens";
    private const long MostToolCalls = 1_000;

    /// <summary>The client runs these itself; of a computer's, pictures come back as input.</summary>
    private static readonly string[] ClientTools = ["function", "custom", "local_shell", "apply_patch", "computer", "computer_use_preview"];

    private readonly string? _named;
    private readonly ReadOnlyMemory<byte> _body;
    private Utf8JsonReader _json;
    private string? _model;
    private BodyRange _modelAt;
    private bool _stream, _isUnbounded;
    private long? _bound;
    private long _images, _imageBytes;
    private long? _mostToolCalls;
    private HashSet<string>? _serverTools;
    private string? _tier;
    private int _models, _streams, _bounds, _tiers, _toolBounds;
    private (int At, int Length)? _nullBound;
    private Refusal? _refusal;

    private ResponsesRequestReader(ReadOnlyMemory<byte> body, string? named)
    {
        (_body, _named) = (body, named);
        _json = new Utf8JsonReader(body.Span, new JsonReaderOptions { MaxDepth = 64 });
    }

    /// <param name="named">As for chats.</param>
    public static RequestReading Read(ReadOnlyMemory<byte> body, string? named = null) => RequestJson.Read(body, body => new ResponsesRequestReader(body, named).Read());

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
        if ((_named ?? _model) is not { Length: > 0 } model)
            return new Refusal.BadRequest("model", "You must name a model.");
        if (_serverTools is not null && _mostToolCalls is null)
            return new Refusal.BadRequest("max_tool_calls", $"The tool '{_serverTools.First()}' is run by OpenAI and billed by the call, and nothing bounds how often the model calls it; name max_tool_calls.");
        var mostToolCalls = _mostToolCalls ?? 0;
        return new ProviderRequest
        {
            Model = model,
            ModelAt = _named is null ? _modelAt : null,
            Stream = _stream,
            InputBytes = _body.Length,
            HasMedia = _isUnbounded || _serverTools is not null || _images > 0,   // what tools find is input, too
            MediaIsImages = !_isUnbounded && _serverTools is null,
            ImageBytes = _imageBytes,
            Images = _images,
            ToolCalls = _serverTools?.ToDictionary(tool => tool, _ => mostToolCalls),
            ServiceTier = _tier,
            OutputBound = _bound,
            Choices = 1,
            Body = new SplicedBody(_body),
            BoundPlace = _bound is not null ? null : _nullBound is var (at, length) ? new BoundPlace(at, length, $"\"{BoundField}\":") : new BoundPlace(end, 0, $",\"{BoundField}\":"),
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
                (_model, _modelAt) = (model, BodyRange.Of(_json));
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
            Once(AskedTier.Field, ref _tiers);
            if (!AskedTier.TryRead(_json, out _tier))
                Refuse(AskedTier.Field, "service_tier must be a word.");
        }
        else if (_json.ValueTextEquals("max_tool_calls"u8))
        {
            _json.Read();
            Once("max_tool_calls", ref _toolBounds);
            if (_json.TokenType == JsonTokenType.Number && _json.TryGetInt64(out var most) && most is >= 0 and <= MostToolCalls)
                _mostToolCalls = most;
            else if (_json.TokenType != JsonTokenType.Null)
                Refuse("max_tool_calls", $"max_tool_calls must be a whole number from 0 to {MostToolCalls}.");
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

    /// <summary>Tools that OpenAI runs itself bill by the call, and feed the model with what they find.</summary>
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
            var (isType, isContainer) = (_json.ValueTextEquals("type"u8), _json.ValueTextEquals("container"u8));
            _json.Read();
            if (isType)
                TakeTool(_json.TokenType == JsonTokenType.String && _json.GetString() is { Length: <= 64 } name ? name : "");
            else if (isContainer)
                ReadContainer();
            _json.Skip();
        }
    }

    private void TakeTool(string type)
    {
        if (ResponsesToolCalls.NameOf(type) is { } tool)
            (_serverTools ??= []).Add(tool);
        else if (!ClientTools.Contains(type))
            Refuse("tools", $"The tool '{type}' is run by OpenAI or for it, and billed otherwise than by the call; leave it out.");
    }

    /// <summary>Code runs in a container of OpenAI's; one with more memory has another price (platform.openai.com/docs/pricing, Built-in tools).</summary>
    private void ReadContainer()
    {
        if (_json.TokenType != JsonTokenType.StartObject)
            return;
        var depth = _json.CurrentDepth;
        while (_json.Read() && _json.CurrentDepth > depth)
        {
            if (_json.TokenType != JsonTokenType.PropertyName || !_json.ValueTextEquals("memory_limit"u8))
                continue;
            _json.Read();
            if (_json.TokenType != JsonTokenType.Null && !(_json.TokenType == JsonTokenType.String && _json.ValueTextEquals("1g"u8)))
                Refuse("tools", "A container with more memory than 1g has another price, which is not metered; leave memory_limit out.");
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
            if (_json.TokenType != JsonTokenType.PropertyName)
                continue;
            if (_json.ValueTextEquals("image_url"u8))
                _imageBytes += ImageData.InUrl(_json);
            if (!_json.ValueTextEquals("type"u8))
                continue;
            _json.Read();
            if (_json.TokenType != JsonTokenType.String)
                continue;
            _images += _json.ValueTextEquals("input_image"u8) ? 1 : 0;
            // Items and pictures may also stand there by reference only.
            _isUnbounded |= _json.ValueTextEquals("input_file"u8) || _json.ValueTextEquals("input_audio"u8)
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
