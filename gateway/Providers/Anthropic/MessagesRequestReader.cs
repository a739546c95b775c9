using System.Text.Json;
using Microsoft.Extensions.Primitives;
using Quota.Gateway.Providers.Tokens;

namespace Quota.Gateway.Providers.Anthropic;

/// <summary>
/// Reads a Messages request in one pass over its bytes: what bounds its usage. What would be billed at prices that are not metered yet
/// (code that Anthropic runs, fast mode, long context, a region of one's choice, another model's answer), or without a bound (searches without
/// <c>max_uses</c>), is refused by name, never guessed.
/// </summary>
internal ref struct MessagesRequestReader
{
    /// <summary>What Anthropic says to a model about tools, at most (docs.claude.com/en/docs/agents-and-tools/tool-use/overview, pricing).</summary>
    private const long TokensAboutTools = 1000;

    /// <summary>And about one of its own that the client runs: bash, text editor, computer, memory.</summary>
    private const long TokensAboutClientTool = 1500;

    private static readonly string[] DearBetas = ["context-1m", "fast-mode", "mcp-client", "code-execution", "skills-"];

    private readonly ReadOnlyMemory<byte> _body;
    private readonly string? _named;
    private Utf8JsonReader _json;
    private string? _model;
    private BodyRange _modelAt;
    private bool _stream, _hasMedia, _writesCache, _forAnHour;
    private long? _maxTokens, _thinking;
    private long _images, _imageBytes, _inputEnd, _added, _searches;
    private int _models, _streams, _bounds, _tiers;
    private Refusal? _refusal;

    private MessagesRequestReader(ReadOnlyMemory<byte> body, string? named)
    {
        (_body, _named) = (body, named);
        _json = new Utf8JsonReader(body.Span, new JsonReaderOptions { MaxDepth = 64 });
    }

    /// <param name="betas">Of the header; a body may name more of them, as on other clouds.</param>
    /// <param name="named">The model, where the path names it: on other clouds, where Anthropic runs no tools.</param>
    /// <param name="bound">The output bound, where it stands elsewhere.</param>
    public static RequestReading Read(ReadOnlyMemory<byte> body, StringValues betas, string? named = null, long? bound = null) =>
        RequestJson.Read(body, body => new MessagesRequestReader(body, named) { _maxTokens = bound }.Read(betas));

    private RequestReading Read(StringValues betas)
    {
        foreach (var beta in betas)
            LookAtBeta(beta);
        if (_refusal is not null)
            return _refusal;
        if (!_json.Read() || _json.TokenType != JsonTokenType.StartObject)
            return Bad(null, "The body must be a JSON object.");
        while (_json.Read() && _json.TokenType == JsonTokenType.PropertyName)
        {
            ReadField();
            if (_refusal is not null)
                return _refusal;
        }
        _json.Read();   // nothing may follow the object
        if ((_named ?? _model) is not { Length: > 0 } model)
            return Bad("model", "Field required");
        if (_maxTokens is null)
            return Bad("max_tokens", "Field required");
        return new ProviderRequest
        {
            Model = model,
            ModelAt = _named is null ? _modelAt : null,
            Stream = _stream,
            InputBytes = _body.Length,
            AddedTokens = _added,
            HasMedia = _hasMedia || _images > 0,
            MediaIsImages = !_hasMedia,
            ImageBytes = _imageBytes,
            Images = _images,
            ToolCalls = _searches > 0 ? new Dictionary<string, long> { [MessagesTool.WebSearch] = _searches } : null,
            OutputBound = Math.Max(_maxTokens.Value, _thinking ?? 0),   // thinking is part of max_tokens; only what is interleaved with tools may be given more
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
        else if (_json.ValueTextEquals("service_tier"u8))
            ReadTier();
        else if (_json.ValueTextEquals("mcp_servers"u8) || _json.ValueTextEquals("container"u8) || _json.ValueTextEquals("fallbacks"u8) || _json.ValueTextEquals("compaction"u8))
        {
            var field = _json.GetString()!;
            _json.Read();
            if (_json.TokenType != JsonTokenType.Null)
                Refuse(field, "is billed in ways that are not metered yet; leave it out.");
            _json.Skip();
        }
        else if (_json.ValueTextEquals("context_management"u8))
            ReadContextManagement();
        else if (_json.ValueTextEquals("anthropic_beta"u8))
            ReadBetas();
        else if (_json.ValueTextEquals("metadata"u8))
            _json.Skip();
        else
            ScanValue();
    }

    private void ReadModel()
    {
        _json.Read();
        Once("model", ref _models);
        if (_named is not null)
            Refuse("model", "It stands in the path; leave it out of the body.");
        else if (RequestJson.Model(_json) is { } model)
            (_model, _modelAt) = (model, BodyRange.Of(_json));
        else
            Refuse("model", "The model's name must be a string of at most 256 characters without control characters.");
    }

    private void ReadThinking()
    {
        _json.Read();
        var depth = _json.CurrentDepth;
        if (_json.TokenType != JsonTokenType.StartObject)
        {
            _json.Skip();
            return;
        }
        while (_json.Read() && _json.CurrentDepth > depth)
        {
            if (_json.TokenType != JsonTokenType.PropertyName || !_json.ValueTextEquals("budget_tokens"u8))
                continue;
            _json.Read();
            _thinking = Math.Max(_thinking ?? 0, Count("thinking.budget_tokens") ?? 0);
        }
    }

    /// <summary>Anthropic asks for its <c>auto</c> or its standard tier; which it was, the answer says (docs.claude.com/en/api/service-tiers).</summary>
    private void ReadTier()
    {
        _json.Read();
        Once("service_tier", ref _tiers);
        if (_json.TokenType != JsonTokenType.Null && !(_json.TokenType == JsonTokenType.String && (_json.ValueTextEquals("auto"u8) || _json.ValueTextEquals("standard_only"u8))))
            Refuse("service_tier", "Input should be 'auto' or 'standard_only'");
        _json.Skip();
    }

    /// <summary>What is summed up on the way is billed beside the usage that the answer tells (docs.claude.com/en/docs/build-with-claude/compaction); what is only cleared costs nothing.</summary>
    private void ReadContextManagement()
    {
        _json.Read();
        var depth = _json.CurrentDepth;
        if (_json.TokenType is not (JsonTokenType.StartObject or JsonTokenType.StartArray))
            return;
        while (_json.Read() && _json.CurrentDepth > depth)
        {
            if (_json.TokenType == JsonTokenType.String && _json.GetString()!.StartsWith("compact", StringComparison.Ordinal))
                Refuse("context_management", "Compaction is billed in ways that are not metered yet; leave it out.");
        }
    }

    private void ReadBetas()
    {
        _json.Read();
        var depth = _json.CurrentDepth;
        if (_json.TokenType != JsonTokenType.StartArray)
        {
            _json.Skip();
            return;
        }
        while (_json.Read() && _json.CurrentDepth > depth)
        {
            if (_json.TokenType == JsonTokenType.String)
                LookAtBeta(_json.GetString());
        }
    }

    private void LookAtBeta(string? beta)
    {
        if (beta is not null && Array.Find(DearBetas, beta.Contains) is { } dear)
            Refuse("anthropic-beta", $"'{dear}' has prices that are not metered yet; leave it out.");
    }

    private void ReadTools()
    {
        _json.Read();
        if (_json.TokenType != JsonTokenType.StartArray)
        {
            _json.Skip();
            return;
        }
        var depth = _json.CurrentDepth;
        while (_json.Read() && _json.CurrentDepth > depth)
        {
            _added = Math.Max(_added, TokensAboutTools);
            if (_json.TokenType == JsonTokenType.PropertyName)
                LookAtCache();
            if (_json.TokenType == JsonTokenType.StartObject && _json.CurrentDepth == depth + 1)
                TakeTool();
        }
    }

    /// <summary>
    /// Anthropic's own tools feed the model with what they find, so only its context window bounds the input; that is held for once, though the
    /// input of each turn that they make inside the call is billed, and may be written to a cache unasked. Searches are billed each as well.
    /// </summary>
    private void TakeTool()
    {
        var (read, why) = MessagesTool.Read(_json);
        if (read is not { } tool)
        {
            Refuse("tools", why!);
            return;
        }
        if (tool.Kind == ToolKind.Client)
            _added += TokensAboutClientTool;
        if (tool.Kind is ToolKind.Custom or ToolKind.Client)
            return;
        if (tool.Kind == ToolKind.Other || _named is not null)
            Refuse("tools", $"'{tool.Type}' is run by Anthropic, {(_named is null ? "and billed in ways that are not metered yet" : "which it does not do here")}; leave it out.");
        else if (tool.Kind == ToolKind.WebSearch && tool.MaxUses is null)
            Refuse("tools", $"'{tool.Type}' is billed by the search, and nothing bounds how often the model searches; name max_uses.");
        _searches += tool.Kind == ToolKind.WebSearch ? tool.MaxUses ?? 0 : 0;
        _hasMedia = _writesCache = true;
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
