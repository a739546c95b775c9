using System.Text.Json;

namespace Quota.Gateway.Providers;

/// <summary>What reading a request's body has in common in every grammar.</summary>
internal static class RequestJson
{
    public delegate RequestReading Reader(ReadOnlyMemory<byte> body);

    /// <summary>Reads, and says of what is no JSON where it is none.</summary>
    public static RequestReading Read(ReadOnlyMemory<byte> body, Reader reader)
    {
        try
        {
            return reader(body);
        }
        catch (JsonException problem)
        {
            return new Refusal.BadRequest(null, $"The body is not valid JSON (line {problem.LineNumber + 1}, byte {problem.BytePositionInLine + 1}).");
        }
        catch (InvalidOperationException)
        {
            return new Refusal.BadRequest(null, "The body holds text that is not valid UTF-8 or has an invalid escape.");
        }
    }

    /// <summary>The model's name that the reader stands on; null when it is none that could be one.</summary>
    public static string? Model(in Utf8JsonReader json) =>
        json.TokenType == JsonTokenType.String && json.GetString() is { Length: > 0 and <= 256 } name && !HasControl(name) ? name : null;

    public static bool HasControl(string text)
    {
        foreach (var c in text)
        {
            if (char.IsControl(c))
                return true;
        }
        return false;
    }
}
