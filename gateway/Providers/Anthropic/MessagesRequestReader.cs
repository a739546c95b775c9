using System.Text.Json;
using Microsoft.Extensions.Primitives;
using Quota.Gateway.Providers.Tokens;

namespace Quota.Gateway.Providers.Anthropic;

/// <summary>
/// Reads a Messages request in one pass over its bytes: what bounds its usage. What would be billed at prices that are not metered yet
/// (server tools, fast mode, long context, a region of one's choice) is refused by name, never guessed.
/// </summary>
internal ref struct MessagesRequestReader
{
    /// <summary>What Anthropic says to a model about tools, at most (docs.claude.com/en/docs/agents-and-tools/tool-use/overview, pricing).</summary>
    private const long TokensAboutTools = 1000;

    /// <summary>And about one of its own that the client runs: bash, text editor, computer, memory.</summary>
    private const long TokensAboutClientTool = 1500;

    private static readonly string[] ClientTools = ["bash_20", "text_editor_20", "computer_20", "memory_20"];   // then the rest of its version's date
    private static readonly string[] DearBetas = ["context-1m", "fast-mode", "mcp-client", "code-execution", "skills-"];

    private readonly ReadOnlyMemory<byte> _body;
    private Utf8JsonReader _json;
    private string? _model;
    private BodyRange _modelAt;
    private bool _stream, _hasMedia, _writesCache, _forAnHour;
    private long? _maxTokens, _thinking;
    private long _images, _imageBytes, _inputEnd, _added;
    private int _models, _streams, _bounds;
    private Refusal? _refusal;

    private MessagesRequestReader(ReadOnlyMemory<byte> body)
    {
        _body = body;
        _json = new Utf8JsonReader(body.Span, new JsonReaderOptions { MaxDepth = 64 });
    }

    public static RequestReading Read(ReadOnlyMemory<byte> body, StringValues betas)
    {
        foreach (var beta in betas)
        {
            if (beta is not null && Array.Find(DearBetas, beta.Contains) is { } dear)
                return Bad("anthropic-beta", $"'{dear}' has prices that are not metered yet; leave it out.");
        }
        return RequestJson.Read(body, static body => new MessagesRequestReader(body).Read());
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
        _json.Read();   // nothing may follow the object
        if (_model is not { Length: > 0 })
            return Bad("model", "Field required");
        if (_maxTokens is null)
            return Bad("max_tokens", "Field required");
        return new ProviderRequest
        {
            Model = _model,
            ModelAt = _modelAt,
            Stream = _stream,
            InputBytes = _body.Length,
            AddedTokens = _added,
            HasMedia = _hasMedia || _images > 0,
            MediaIsImages = !_hasMedia,
            ImageBytes = _imageBytes,
            Images = _images,
            OutputBound = Math.Max(_maxTokens.Value, _thinking ?? 0),   // interleaved thinking may be given more than the answer
            Choices = 1,
            WritesCache = _writesCache,
            WritesCacheForAnHour = _forAnHour,
            Body = new SplicedBody(_body),
            BoundPlace = null,
        };
    }

    private void ReadField()
    {
        if (_json.ValueTextEquals("model"u8))
            ReadModel();
        else if (_json.ValueTextEquals("stream"u8))
        {
            _json.Read();
            Once("stream", ref _streams);
            if (_json.TokenType is not (JsonTokenType.True or JsonTokenType.False))
                Refuse("stream", "Input should be true or false");
            _stream = _json.TokenType == JsonTokenType.True;
        }
        else if (_json.ValueTextEquals("max_tokens"u8))
        {
            _json.Read();
            Once("max_tokens", ref _bounds);
            _maxTokens = Count("max_tokens");
        }
        else if (_json.ValueTextEquals("thinking"u8))
            ReadThinking();
        else if (_json.ValueTextEquals("tools"u8))
            ReadTools();
        else if (_json.ValueTextEquals("speed"u8))
            Only("speed", "standard"u8);
        else if (_json.ValueTextEquals("inference_geo"u8))
            Only("inference_geo", "global"u8);
        else if (_json.ValueTextEquals("mcp_servers"u8) || _json.ValueTextEquals("container"u8))
        {
            var field = _json.GetString()!;
            _json.Read();
            if (_json.TokenType != JsonTokenType.Null)
                Refuse(field, "is billed in ways that are not metered yet; leave it out.");
            _json.Skip();
        }
        else if (_json.ValueTextEquals("metadata"u8))
            _json.Skip();
        else
            ScanValue();
    }

    private void ReadModel()
    {
        _json.Read();
        Once("model", ref _models);
        if (RequestJson.Model(_json) is { } model)
            (_model, _modelAt) = (model, BodyRange.Of(_json));
        else
            Refuse("model", "The model's name must be a string of at most 256 characters without control characters.");
    }

    private void ReadThinking()
    {
        _json.Read();
        var depth = _json.CurrentDepth;
        if (_json.TokenType != JsonTokenType.StartObject)
            return;
        while (_json.Read() && _json.CurrentDepth > depth)
        {
            if (_json.TokenType != JsonTokenType.PropertyName || !_json.ValueTextEquals("budget_tokens"u8))
                continue;
            _json.Read();
            _thinking = Math.Max(_thinking ?? 0, Count("thinking.budget_tokens") ?? 0);
        }
    }

    /// <summary>A tool is the client's own unless its type says otherwise; Anthropic's server tools bill by the use and feed on what they find.</summary>
    private void ReadTools()
    {
        _json.Read();
        if (_json.TokenType != JsonTokenType.StartArray)
            return;
        var depth = _json.CurrentDepth;
        while (_json.Read() && _json.CurrentDepth > depth)
        {
            _added = Math.Max(_added, TokensAboutTools);
            if (_json.TokenType != JsonTokenType.PropertyName)
                continue;
            LookAtCache();
            if (_json.CurrentDepth != depth + 2 || !_json.ValueTextEquals("type"u8))
                continue;
            _json.Read();
            if (_json.TokenType != JsonTokenType.String || _json.ValueTextEquals("custom"u8))
                continue;
            var type = _json.GetString()!;
            if (Array.Exists(ClientTools, tool => type.StartsWith(tool, StringComparison.Ordinal)))
                _added += TokensAboutClientTool;
            else
                Refuse("tools", $"'{(type.Length <= 64 ? type : type[..64])}' is a server tool, billed in ways that are not metered yet; leave it out.");
        }
    }

    /// <summary>Passes over a value, looking for parts whose tokens bytes do not bound, and for what is to be cached.</summary>
    private void ScanValue()
    {
        LookAtCache();
        _json.Read();
        var depth = _json.CurrentDepth;
        if (_json.TokenType is not (JsonTokenType.StartObject or JsonTokenType.StartArray))
            return;
        while (_json.Read() && _json.CurrentDepth > depth)
        {
            if (_json.TokenType != JsonTokenType.PropertyName)
                continue;
            LookAtCache();
            LookAtImage();
            if (!_json.ValueTextEquals("type"u8))
                continue;
            _json.Read();
            if (_json.TokenType != JsonTokenType.String)
                continue;
            if (_json.ValueTextEquals("image"u8))
                _images++;
            _hasMedia |= _json.ValueTextEquals("document"u8) || _json.ValueTextEquals("container_upload"u8);
        }
    }

    /// <summary>Erring on the side of a cache that is written: a property of that name in somebody's own JSON counts too.</summary>
    private void LookAtCache()
    {
        _writesCache |= _json.ValueTextEquals("cache_control"u8);
        if (!_json.ValueTextEquals("ttl"u8))
            return;
        var ahead = _json;
        _forAnHour |= ahead.Read() && ahead.TokenType == JsonTokenType.String && ahead.ValueTextEquals("1h"u8);
    }

    /// <summary>A source in a tool's own input is text, whatever it looks like.</summary>
    private void LookAtImage()
    {
        if (_json.TokenStartIndex < _inputEnd)
            return;
        if (_json.ValueTextEquals("source"u8))
            _imageBytes += ImageData.InSource(_json);
        else if (_json.ValueTextEquals("input"u8))
        {
            var ahead = _json;
            ahead.Skip();
            _inputEnd = ahead.BytesConsumed;
        }
    }

    private void Only(string field, ReadOnlySpan<byte> word)
    {
        _json.Read();
        if (_json.TokenType != JsonTokenType.Null && !(_json.TokenType == JsonTokenType.String && _json.ValueTextEquals(word)))
            Refuse(field, "Anything but the standard has prices that are not metered yet; leave it out.");
        _json.Skip();
    }

    private long? Count(string field)
    {
        if (_json.TokenType == JsonTokenType.Number && _json.TryGetInt64(out var count) && count is >= 1 and <= int.MaxValue)
            return count;
        Refuse(field, "Input should be a whole number of 1 or more");
        return null;
    }

    private void Once(string field, ref int seen)
    {
        if (seen++ > 0)
            Refuse(field, "It stands twice in the body; which one counts is ambiguous.");
    }

    private void Refuse(string field, string message) => _refusal ??= new Refusal.BadRequest(field, message);

    private static RequestReading Bad(string? field, string message) => new Refusal.BadRequest(field, message);
}
