using System.Text.Json;

namespace Quota.Gateway.Providers.Gemini;

/// <summary>
/// What one element of a stream says: a whole <c>GenerateContentResponse</c> (ai.google.dev/api/generate-content) with only the newest parts in it.
/// Reading it allocates nothing.
/// </summary>
internal ref struct GenerateContentChunk
{
    private const long FramingOfToolCall = 64;

    /// <summary>The most that a picture, or a piece of sound, is counted as while no usage has come: 2,500 tokens (ai.google.dev/gemini-api/docs/pricing, 4K images).</summary>
    private const long MostBytesOfMedia = 10_000;

    private readonly ReadOnlySpan<byte> _data;
    private Utf8JsonReader _json;

    private GenerateContentChunk(ReadOnlySpan<byte> data)
    {
        _data = data;
        _json = new Utf8JsonReader(data);
    }

    /// <summary>Bytes of all that the model made: text, thoughts that are shown, calls of functions, code. A signature is no text of the model.</summary>
    public long TextBytes { get; private set; }

    /// <summary>A bit for each candidate that has ended, by its index; those from 63 on share the last.</summary>
    public ulong Finished { get; private set; }

    /// <summary>The prompt was refused: there are no candidates, and none will come.</summary>
    public bool IsBlocked { get; private set; }

    /// <summary><c>usageMetadata</c> as it stands; empty when it is not there.</summary>
    public ReadOnlySpan<byte> Usage { get; private set; }

    /// <summary>The name of the model, as JSON text; empty when it is not there. The id likewise.</summary>
    public ReadOnlySpan<byte> Model { get; private set; }

    public ReadOnlySpan<byte> Id { get; private set; }

    /// <exception cref="JsonException">It is no JSON.</exception>
    /// <exception cref="InvalidOperationException">A text in it is no UTF-8.</exception>
    public static GenerateContentChunk Read(ReadOnlySpan<byte> data)
    {
        var chunk = new GenerateContentChunk(data);
        chunk.ReadRoot();
        return chunk;
    }

    private void ReadRoot()
    {
        if (!_json.Read() || _json.TokenType != JsonTokenType.StartObject)
            return;
        while (_json.Read() && _json.TokenType == JsonTokenType.PropertyName)
        {
            if (_json.ValueTextEquals("candidates"u8))
                ReadCandidates();
            else if (_json.ValueTextEquals("usageMetadata"u8))
                Usage = Value();
            else if (_json.ValueTextEquals("modelVersion"u8))
                Model = Value();
            else if (_json.ValueTextEquals("responseId"u8))
                Id = Value();
            else if (_json.ValueTextEquals("promptFeedback"u8))
                IsBlocked |= Value().IndexOf("\"blockReason\""u8) >= 0;
            else
                _json.Skip();
        }
    }

    private void ReadCandidates()
    {
        _json.Read();
        if (_json.TokenType != JsonTokenType.StartArray)
        {
            _json.Skip();
            return;
        }
        while (_json.Read() && _json.TokenType != JsonTokenType.EndArray)
        {
            if (_json.TokenType == JsonTokenType.StartObject)
                ReadCandidate();
            else
                _json.Skip();
        }
    }

    private void ReadCandidate()
    {
        var (index, hasEnded) = (0, false);
        while (_json.Read() && _json.TokenType == JsonTokenType.PropertyName)
        {
            if (_json.ValueTextEquals("index"u8))
            {
                _json.Read();
                if (_json.TokenType != JsonTokenType.Number || !_json.TryGetInt32(out index))
                    index = 0;
                _json.Skip();
            }
            else if (_json.ValueTextEquals("finishReason"u8))
            {
                _json.Read();
                hasEnded = _json.TokenType == JsonTokenType.String && !_json.ValueTextEquals("FINISH_REASON_UNSPECIFIED"u8);
                _json.Skip();
            }
            else if (_json.ValueTextEquals("content"u8))
                ReadContent();
            else
                _json.Skip();
        }
        if (hasEnded)
            Finished |= 1UL << Math.Clamp(index, 0, 63);
    }

    /// <summary>Everything in it but signatures and roles; of a call of a function all of its JSON, since the model writes that.</summary>
    private void ReadContent()
    {
        _json.Read();
        if (_json.TokenType != JsonTokenType.StartObject)
        {
            _json.Skip();
            return;
        }
        var depth = _json.CurrentDepth;
        while (_json.Read() && _json.CurrentDepth > depth)
        {
            if (_json.TokenType != JsonTokenType.PropertyName)
                continue;
            if (_json.ValueTextEquals("text"u8) || _json.ValueTextEquals("code"u8) || _json.ValueTextEquals("output"u8))
                TextBytes += TextOf(Value());
            else if (_json.ValueTextEquals("functionCall"u8))
                TextBytes += Value().Length + FramingOfToolCall;
            else if (_json.ValueTextEquals("inlineData"u8))
                TextBytes += Math.Min(Value().Length, MostBytesOfMedia);
            else if (!(_json.ValueTextEquals("parts"u8) || _json.ValueTextEquals("executableCode"u8) || _json.ValueTextEquals("codeExecutionResult"u8)))
                _json.Skip();
        }
    }

    /// <summary>Without its quotes, as it stands: escapes only make it more.</summary>
    private static long TextOf(ReadOnlySpan<byte> value) => value.Length >= 2 && value[0] == '"' ? value.Length - 2 : 0;

    private ReadOnlySpan<byte> Value()
    {
        _json.Read();
        var at = (int)_json.TokenStartIndex;
        _json.Skip();
        return _data[at..(int)_json.BytesConsumed];
    }
}
