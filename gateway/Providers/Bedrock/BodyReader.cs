using System.Text.Json;

namespace Quota.Gateway.Providers.Bedrock;

/// <summary>
/// Reads the body of Converse (docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html), and of an invoked model that is not
/// Anthropic's, in one pass over its bytes: what bounds the call, and where an output bound goes. What is billed apart and not metered is refused by name.
/// </summary>
internal ref struct BodyReader
{
    /// <summary>What a model is told about tools, at most; see the same of Anthropic's Messages, whose models are those with the longest.</summary>
    private const long TokensAboutTools = 1000;

    private const string Unmetered = "is billed in units that are not metered yet; leave it out.";
    private static readonly string[] Media = ["image", "images", "image_url", "document", "video", "audio", "input_audio"];

    private readonly ReadOnlyMemory<byte> _body;
    private readonly ModelFamily _family;
    private Utf8JsonReader _json;
    private BoundPlace? _place;
    private long? _bound;
    private long _thinking, _added, _images, _choices = 1;
    private bool _hasMedia, _writesCache, _forAnHour, _isEmpty = true;
    private string? _tier, _latency;
    private int _groups, _tiers, _latencies;
    private List<string>? _bounds;
    private Refusal? _refusal;

    private BodyReader(ReadOnlyMemory<byte> body, ModelFamily family)
    {
        (_body, _family) = (body, family);
        _json = new Utf8JsonReader(body.Span, new JsonReaderOptions { MaxDepth = 64 });
    }

    /// <exception cref="JsonException">It is no JSON.</exception>
    public static RequestReading Read(string model, bool streams, ReadOnlyMemory<byte> body, ModelFamily family, IHeaderDictionary headers) =>
        new BodyReader(body, family).Read(model, streams, headers);

    private RequestReading Read(string model, bool streams, IHeaderDictionary headers)
    {
        if (!_json.Read() || _json.TokenType != JsonTokenType.StartObject)
            return new Refusal.BadRequest(null, "The body must be a JSON object.");
        var begin = (int)_json.BytesConsumed;
        while (_json.Read() && _json.TokenType == JsonTokenType.PropertyName)
        {
            _isEmpty = false;
            ReadField();
            if (_refusal is not null)
                return _refusal;
        }
        _json.Read();   // nothing may follow the object
        var tier = BedrockTier.Of(_tier, _latency, headers);
        if (tier.Refusal is not null)
            return tier.Refusal;
        return new ProviderRequest
        {
            Model = model,
            Stream = streams,
            InputBytes = _body.Length,
            AddedTokens = _added,
            HasMedia = _hasMedia,
            HasImages = _images > 0,
            Images = _images,
            OutputBound = _family.IsEmbedding ? 0 : _bound is { } bound ? Math.Max(bound, _thinking) : null,
            Choices = _choices,
            WritesCache = _writesCache,
            WritesCacheForAnHour = _forAnHour,
            ServiceTier = tier.Tier,
            Body = new SplicedBody(_body),
            BoundPlace = _bound is not null || _family.IsEmbedding ? null : _place ?? PlaceAt(begin),
        };
    }

    /// <summary>A bound as the first field of the body.</summary>
    private readonly BoundPlace PlaceAt(int begin)
    {
        var after = _isEmpty ? "" : ",";
        return _family.Group is { } group
            ? new BoundPlace(begin, 0, $"\"{group}\":{{\"{_family.Bounds[0]}\":", "}" + after)
            : new BoundPlace(begin, 0, $"\"{_family.Bounds[0]}\":", after);
    }

    private void ReadField()
    {
        var name = _json.GetString()!;
        if (name == _family.Group)
            ReadGroup(name);
        else if (Array.IndexOf(_family.Bounds, name) >= 0 && _family.Group is null)
            ReadBound(name);
        else if (ModelFamily.IsBound(name) && !_family.IsEmbedding)
            Refuse(name, $"The output bound of this model is '{(_family.Group is { } group ? $"{group}." : "")}{_family.Bounds[0]}'; name it so.");
        else if (name is "guardrailConfig" or "amazon-bedrock-guardrailConfig" or "service_tier")
            OnlyNull(name, name == "service_tier" ? "The tier of an invoked model stands in the header X-Amzn-Bedrock-Service-Tier." : Unmetered);
        else if (name is "serviceTier")
            _tier = ReadWord(name, "type", ref _tiers);
        else if (name is "performanceConfig")
            _latency = ReadWord(name, "latency", ref _latencies);
        else if (name is "additionalModelRequestFields")
            ReadAdditional();
        else if (ModelFamily.IsNumber(name))
            ReadChoices(name);
        else if (name is "toolConfig" or "tools")
            ReadTools();
        else if (name is "requestMetadata")
            _json.Skip();
        else
            ScanValue();
    }

    private void ReadGroup(string name)
    {
        _json.Read();
        var start = (int)_json.TokenStartIndex;
        if (_groups++ > 0)
            Refuse(name, "It stands twice in the body; which one counts is ambiguous.");
        if (_json.TokenType == JsonTokenType.Null)
        {
            _place = new BoundPlace(start, 4, $"{{\"{_family.Bounds[0]}\":", "}");
            return;
        }
        if (_json.TokenType != JsonTokenType.StartObject)
        {
            Refuse(name, "It must be an object.");
            return;
        }
        var isEmpty = true;
        while (_json.Read() && _json.TokenType == JsonTokenType.PropertyName)
        {
            isEmpty = false;
            var field = _json.GetString()!;
            if (Array.IndexOf(_family.Bounds, field) >= 0)
                ReadBound(field);
            else
                _json.Skip();
        }
        _place ??= new BoundPlace(start + 1, 0, $"\"{_family.Bounds[0]}\":", isEmpty ? "" : ",");
    }

    private void ReadBound(string name)
    {
        _json.Read();
        if ((_bounds ??= []).Contains(name))
            Refuse(name, "It stands twice in the body; which one counts is ambiguous.");
        _bounds.Add(name);
        if (_json.TokenType == JsonTokenType.Null)
            _place = new BoundPlace((int)_json.TokenStartIndex, 4, "");
        else if (Count(name, int.MaxValue) is { } count)
            _bound = Math.Max(_bound ?? 0, count);
    }

    private void ReadChoices(string name)
    {
        _json.Read();
        if (_json.TokenType != JsonTokenType.Null && Count(name, 128) is { } count)
            _choices = Math.Max(_choices, count);
    }

    private void ReadAdditional()
    {
        _json.Read();
        if (_json.TokenType == JsonTokenType.Null)
            return;
        var (additional, refusal) = AdditionalFields.Read(_body, ref _json);
        if (additional is null)
        {
            _refusal ??= refusal;
            return;
        }
        _thinking = Math.Max(_thinking, additional.OutputBound ?? 0);
        _added += additional.AddedTokens;
        _hasMedia |= additional.HasMedia;
        _writesCache |= additional.WritesCache;
        _forAnHour |= additional.WritesCacheForAnHour;
    }

    /// <summary>The client's own tools, unless the model's maker runs them: those bill by the use (docs.aws.amazon.com/nova/latest/userguide/grounding.html).</summary>
    private void ReadTools()
    {
        _json.Read();
        var depth = _json.CurrentDepth;
        if (_json.TokenType is not (JsonTokenType.StartObject or JsonTokenType.StartArray))
            return;
        while (_json.Read() && _json.CurrentDepth > depth)
        {
            _added = Math.Max(_added, TokensAboutTools);
            if (_json.TokenType != JsonTokenType.PropertyName)
                continue;
            LookAtCache();
            if (_json.CurrentDepth <= depth + 3 && _json.ValueTextEquals("systemTool"u8))
                Refuse("toolConfig.tools", $"systemTool {Unmetered}");
        }
    }

    /// <summary>Passes over a value, looking for parts whose tokens bytes do not bound, and for what is to be cached. A property of such a name in somebody's own JSON counts too.</summary>
    private void ScanValue()
    {
        Look();
        _json.Read();
        var depth = _json.CurrentDepth;
        if (_json.TokenType is not (JsonTokenType.StartObject or JsonTokenType.StartArray))
            return;
        while (_json.Read() && _json.CurrentDepth > depth)
        {
            if (_json.TokenType == JsonTokenType.PropertyName)
                Look();
        }
    }

    private void Look()
    {
        LookAtCache();
        foreach (var name in Media)
        {
            if (!_json.ValueTextEquals(name))
                continue;
            _hasMedia = true;
            _images += name is "image" or "images" or "image_url" ? 1 : 0;
            if (_family.IsEmbedding)
                Refuse(name, $"An image to embed {Unmetered}");
        }
    }

    /// <summary>Converse has <c>cachePoint {type, ttl}</c>, Anthropic's own words are <c>cache_control</c>.</summary>
    private void LookAtCache()
    {
        _writesCache |= _json.ValueTextEquals("cachePoint"u8) || _json.ValueTextEquals("cache_control"u8);
        if (!_json.ValueTextEquals("ttl"u8))
            return;
        var ahead = _json;
        _forAnHour |= ahead.Read() && ahead.TokenType == JsonTokenType.String && ahead.ValueTextEquals("1h"u8);
    }

    /// <summary>The one word of an object such as <c>{"type":"flex"}</c>.</summary>
    private string? ReadWord(string name, string field, ref int seen)
    {
        _json.Read();
        if (seen++ > 0)
            Refuse(name, "It stands twice in the body; which one counts is ambiguous.");
        return BedrockTier.Word(JsonElement.ParseValue(ref _json), field);
    }

    private void OnlyNull(string name, string why)
    {
        _json.Read();
        if (_json.TokenType != JsonTokenType.Null)
            Refuse(name, why);
        _json.Skip();
    }

    private long? Count(string name, long most)
    {
        if (_json.TokenType == JsonTokenType.Number && _json.TryGetInt64(out var count) && count >= 1 && count <= most)
            return count;
        Refuse(name, $"It must be a whole number from 1 to {most}.");
        return null;
    }

    private void Refuse(string field, string message) => _refusal ??= new Refusal.BadRequest(field, message);
}
