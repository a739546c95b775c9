using System.Text.Json;

namespace Quota.Gateway.Providers.Gemini;

/// <summary>
/// Reads a request for content in one pass over its bytes (ai.google.dev/api/generate-content#request-body): what bounds its usage, and where an output bound
/// has to go in. Google takes every field in camel case and in snake case. What would be billed and is not metered, its own tools, is refused by name.
/// </summary>
/// <remarks>
/// What the model thinks counts against <c>maxOutputTokens</c>: measured by many on 2.5 and 3 (github.com/googleapis/python-genai/issues/2062), so that a
/// <c>thinkingBudget</c> adds nothing to it. Google's pages do not say so.
/// </remarks>
internal ref struct GenerateContentRequestReader
{
    private readonly ReadOnlyMemory<byte> _body;
    private readonly string _model;
    private readonly bool _stream;
    private Utf8JsonReader _json;
    private GenerationConfigReading _config;
    private ContentScan _contents;
    private bool _isUnbounded, _hasContents;
    private string? _tier;
    private int _configs, _tiers;
    private (int At, int Length)? _nullConfig;
    private Refusal? _refusal;

    private GenerateContentRequestReader(ReadOnlyMemory<byte> body, string model, bool stream)
    {
        (_body, _model, _stream) = (body, model, stream);
        _json = new Utf8JsonReader(body.Span, new JsonReaderOptions { MaxDepth = 64 });
    }

    /// <param name="model">As the path names it; one in the body must be the same.</param>
    public static RequestReading Read(ReadOnlyMemory<byte> body, string model, bool stream) => RequestJson.Read(body, body => new GenerateContentRequestReader(body, model, stream).Read());

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
        if (!_hasContents)
            return new Refusal.BadRequest("contents", "contents is not specified.");
        return new ProviderRequest
        {
            Model = _model,
            Stream = _stream,
            InputBytes = _body.Length,
            HasMedia = _contents.HasMedia || _isUnbounded,
            HasAudio = _contents.HasAudio || _config.HasAudio,
            HasImages = _contents.HasImages || _config.HasImages,
            Images = _contents.Images,
            ServiceTier = _tier,
            OutputBound = _config.Bound,
            Choices = _config.Choices ?? 1,
            Body = new SplicedBody(_body),
            BoundPlace = _config.Bound is null ? PlaceOfBound(end) : null,
        };
    }

    private readonly BoundPlace PlaceOfBound(int end)
    {
        if (_config.BoundPlace is { } inside)
            return inside;
        const string whole = "\"generationConfig\":{\"maxOutputTokens\":";
        return _nullConfig is var (at, length) ? new BoundPlace(at, length, whole, "}") : new BoundPlace(end, 0, "," + whole, "}");
    }

    private void ReadField()
    {
        var start = (int)_json.TokenStartIndex;
        if (Is("contents"u8))
        {
            _hasContents = true;
            _contents.Scan(ref _json);
        }
        else if (Is("systemInstruction"u8, "system_instruction"u8))
            _contents.Scan(ref _json);
        else if (Is("generationConfig"u8, "generation_config"u8))
        {
            _json.Read();
            Once("generationConfig", ref _configs);
            if (_json.TokenType == JsonTokenType.Null)
                _nullConfig = (start, (int)_json.BytesConsumed - start);
            else if (_config.Read(ref _json) is { } mistake)
                _refusal ??= mistake;
        }
        else if (Is("tools"u8))
            ReadTools();
        else if (Is("cachedContent"u8, "cached_content"u8) || Is("continuationToken"u8, "continuation_token"u8))
        {
            // What is kept at Google is input as well, and is not in this body.
            _json.Read();
            _isUnbounded |= _json.TokenType != JsonTokenType.Null;
            _json.Skip();
        }
        else if (Is("serviceTier"u8, "service_tier"u8))
            ReadTier();
        else if (Is("model"u8))
            _refusal ??= GeminiModel.Refuse(ref _json, _model);
        else
            _json.Skip();
    }

    /// <summary>A tool that Google runs itself bills by the use, or feeds on what it finds. The words that make a computer usable are Google's own, and not in this body.</summary>
    private void ReadTools()
    {
        _json.Read();
        var depth = _json.CurrentDepth;
        if (_json.TokenType == JsonTokenType.Null)
            return;
        if (_json.TokenType != JsonTokenType.StartArray)
            Refuse("tools", "tools must be an array.");
        while (_refusal is null && _json.Read() && _json.CurrentDepth > depth)
        {
            if (_json.TokenType != JsonTokenType.PropertyName)
                continue;
            var (isClients, isComputer) = (Is("functionDeclarations"u8, "function_declarations"u8), Is("computerUse"u8, "computer_use"u8));
            var name = isClients ? "" : _json.GetString()!;
            _json.Read();
            if (_json.TokenType != JsonTokenType.Null)
            {
                _isUnbounded |= isComputer;
                if (!isClients && !isComputer)
                    Refuse("tools", $"The tool '{(name.Length <= 64 ? name : name[..64])}' is run by Google and billed in ways that are not metered yet; leave it out.");
            }
            _json.Skip();
        }
    }

    private void ReadTier()
    {
        _json.Read();
        Once("serviceTier", ref _tiers);
        if (_json.TokenType == JsonTokenType.Null)
            return;
        if (RequestJson.Model(_json) is not { Length: <= 64 } word)
        {
            Refuse("serviceTier", "serviceTier must be one of standard, flex and priority.");
            return;
        }
        _tier = word.Contains("unspecified", StringComparison.OrdinalIgnoreCase) ? null : word.ToLowerInvariant();
    }

    private readonly bool Is(ReadOnlySpan<byte> name) => _json.ValueTextEquals(name);

    private readonly bool Is(ReadOnlySpan<byte> name, ReadOnlySpan<byte> snake) => _json.ValueTextEquals(name) || _json.ValueTextEquals(snake);

    private void Once(string field, ref int seen)
    {
        if (seen++ > 0)
            Refuse(field, $"{field} stands twice in the body; which one counts is ambiguous.");
    }

    private void Refuse(string field, string message) => _refusal ??= new Refusal.BadRequest(field, message);
}
