using System.Text.Json;

namespace Quota.Gateway.Providers.Gemini;

/// <summary>
/// Reads a request for embeddings, of one content or of many in <c>requests</c> (ai.google.dev/api/embeddings). There is no output. Text takes no more
/// tokens than bytes; newer models take media as well.
/// </summary>
internal ref struct EmbedContentRequestReader
{
    private readonly ReadOnlyMemory<byte> _body;
    private readonly string _model;
    private Utf8JsonReader _json;
    private ContentScan _contents;
    private bool _hasContent;
    private Refusal? _refusal;

    private EmbedContentRequestReader(ReadOnlyMemory<byte> body, string model)
    {
        (_body, _model) = (body, model);
        _json = new Utf8JsonReader(body.Span, new JsonReaderOptions { MaxDepth = 64 });
    }

    /// <param name="model">As the path names it; those in the body must be the same.</param>
    public static RequestReading Read(ReadOnlyMemory<byte> body, string model) => RequestJson.Read(body, body => new EmbedContentRequestReader(body, model).Read());

    private RequestReading Read()
    {
        if (!_json.Read() || _json.TokenType != JsonTokenType.StartObject)
            return new Refusal.BadRequest(null, "The body must be a JSON object.");
        ReadFields(isOuter: true);
        if (_refusal is not null)
            return _refusal;
        _json.Read();   // nothing may follow the object
        if (!_hasContent)
            return new Refusal.BadRequest("content", "You must give a content, or requests with one each.");
        return new ProviderRequest
        {
            Model = _model,
            Stream = false,
            InputBytes = _body.Length,
            HasMedia = _contents.HasMedia,
            HasAudio = _contents.HasAudio,
            HasImages = _contents.HasImages,
            Images = _contents.Images,
            OutputBound = 0,
            Choices = 1,
            Body = new SplicedBody(_body),
            BoundPlace = null,
        };
    }

    private void ReadFields(bool isOuter)
    {
        while (_refusal is null && _json.Read() && _json.TokenType == JsonTokenType.PropertyName)
        {
            if (_json.ValueTextEquals("model"u8))
                _refusal = GeminiModel.Refuse(ref _json, _model);
            else if (_json.ValueTextEquals("content"u8))
            {
                _hasContent = true;
                _contents.Scan(ref _json);
            }
            else if (isOuter && _json.ValueTextEquals("requests"u8))
                ReadRequests();
            else
                _json.Skip();
        }
    }

    private void ReadRequests()
    {
        _json.Read();
        if (_json.TokenType != JsonTokenType.StartArray)
            _refusal = new Refusal.BadRequest("requests", "It must be an array.");
        while (_refusal is null && _json.Read() && _json.TokenType != JsonTokenType.EndArray)
        {
            if (_json.TokenType == JsonTokenType.StartObject)
                ReadFields(isOuter: false);
            else
                _refusal = new Refusal.BadRequest("requests", "Each must be an object.");
        }
    }
}
