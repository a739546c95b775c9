using Microsoft.Net.Http.Headers;

namespace Quota.Gateway.Providers.OpenAi;

/// <summary>
/// The fields of a <c>multipart/form-data</c> body (RFC 7578) and where their values stand in it. Strict: whatever one reader could take
/// otherwise than another is a mistake, since the provider must see the same model as we do.
/// </summary>
internal sealed class MultipartForm
{
    private const int MaxParts = 256, MaxHeaderBytes = 4096;

    private readonly ReadOnlyMemory<byte> _body;
    private readonly List<Part> _parts = [];

    private MultipartForm(ReadOnlyMemory<byte> body) => _body = body;

    private readonly record struct Part(string Name, bool IsFile, BodyRange Value);

    /// <summary>Null when it is no such form; then <paramref name="mistake"/> says why.</summary>
    public static MultipartForm? Read(ReadOnlyMemory<byte> body, string? contentType, out string mistake)
    {
        mistake = "The body must be multipart/form-data with a boundary of 1 to 70 characters.";
        if (!MediaTypeHeaderValue.TryParse(contentType, out var type) || !type.MediaType.Equals("multipart/form-data", StringComparison.OrdinalIgnoreCase)
            || type.Parameters.Count(it => it.Name.Equals("boundary", StringComparison.OrdinalIgnoreCase)) != 1
            || HeaderUtilities.RemoveQuotes(type.Boundary).Value is not { Length: >= 1 and <= 70 } boundary || boundary.Any(c => c is <= ' ' or > '~' or '\\' or '"'))
            return null;
        var form = new MultipartForm(body);
        mistake = form.ReadParts(System.Text.Encoding.ASCII.GetBytes("--" + boundary)) ?? "";
        return mistake.Length == 0 ? form : null;
    }

    /// <summary>Where a text field's value stands; null when there is none. Two are a mistake.</summary>
    public BodyRange? Find(string name, List<string> twice) => Only(name, isFile: false, twice);

    /// <summary>A text field's value; null when there is none.</summary>
    public string? Text(string name, List<string> twice) => Find(name, twice) is { } at ? Text(at) : null;

    public string Text(BodyRange at) => System.Text.Encoding.UTF8.GetString(Bytes(at));

    /// <summary>The bytes of a file; empty when there is none.</summary>
    public ReadOnlySpan<byte> File(string name, List<string> twice) => Only(name, isFile: true, twice) is { } at ? Bytes(at) : default;

    public bool HasFile(Func<string, bool> isWanted) => _parts.Exists(part => part.IsFile && isWanted(part.Name));

    private ReadOnlySpan<byte> Bytes(BodyRange at) => _body.Span.Slice(at.At, at.Length);

    private BodyRange? Only(string name, bool isFile, List<string> twice)
    {
        var found = _parts.FindAll(part => part.Name.Equals(name, StringComparison.OrdinalIgnoreCase));
        if (found.Count > 1 || (found.Count == 1 && (found[0].Name != name || found[0].IsFile != isFile)))
            twice.Add(name);
        return found.Count > 0 ? found[0].Value : null;
    }

    /// <summary>Null when all of it is understood. Every place where the boundary stands must be one where a part ends.</summary>
    private string? ReadParts(ReadOnlySpan<byte> delimiter)
    {
        var body = _body.Span;
        if (!body.StartsWith(delimiter))
            return "The form must begin with its boundary.";
        var at = delimiter.Length;
        while (true)
        {
            if (body[at..].StartsWith("--"u8))
                return body[(at + 2)..].Trim("\r\n"u8).IsEmpty ? null : "Something follows the end of the form.";
            if (!body[at..].StartsWith("\r\n"u8) || _parts.Count == MaxParts)
                return _parts.Count == MaxParts ? $"The form has more than {MaxParts} parts." : "A boundary of the form is followed by something else than a line's end.";
            at += 2;
            var headers = body[at..].IndexOf("\r\n\r\n"u8);
            if (headers is < 0 or > MaxHeaderBytes)
                return "The headers of a part of the form do not end.";
            var value = at + headers + 4;
            var next = body[value..].IndexOf(delimiter);
            if (next < 2 || !body.Slice(value + next - 2, 2).SequenceEqual("\r\n"u8))
                return next < 0 ? "The form does not end." : "The boundary of the form stands inside a part.";
            if (NameOf(body.Slice(at, headers), out var isFile) is not { } name)
                return "A part of the form has headers that could be read in several ways.";
            _parts.Add(new Part(name, isFile, new BodyRange(value, next - 2)));
            at = value + next + delimiter.Length;
        }
    }

    /// <summary>The name that a part's headers give it; null when another reader could find another.</summary>
    private static string? NameOf(ReadOnlySpan<byte> headers, out bool isFile)
    {
        isFile = false;
        string? disposition = null;
        foreach (var line in System.Text.Encoding.UTF8.GetString(headers).Split("\r\n"))
        {
            var colon = line.IndexOf(':');
            if (colon < 1 || RequestJson.HasControl(line))
                return null;
            var (header, value) = (line[..colon], line[(colon + 1)..].Trim());
            if (header.Equals("Content-Transfer-Encoding", StringComparison.OrdinalIgnoreCase) && !value.Equals("binary", StringComparison.OrdinalIgnoreCase) && value is not ("7bit" or "8bit"))
                return null;
            if (!header.Equals("Content-Disposition", StringComparison.OrdinalIgnoreCase))
                continue;
            if (disposition is not null)
                return null;
            disposition = value;
        }
        if (!ContentDispositionHeaderValue.TryParse(disposition, out var parsed) || !parsed.DispositionType.Equals("form-data", StringComparison.OrdinalIgnoreCase)
            || parsed.Parameters.Count(it => it.Name.Equals("name", StringComparison.OrdinalIgnoreCase)) != 1 || parsed.Parameters.Any(it => it.Name.Equals("name*", StringComparison.OrdinalIgnoreCase)))
            return null;
        isFile = parsed.Parameters.Any(it => it.Name.StartsWith("filename", StringComparison.OrdinalIgnoreCase));
        return HeaderUtilities.RemoveQuotes(parsed.Name).Value is { Length: > 0 } name && !name.Contains('\\') && !name.Contains('%') ? name : null;
    }
}
