using System.Buffers;
using System.Text;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Net.Http.Headers;

namespace Quota.TestKit;

/// <summary>The fields of a form, as the framework's own reader has them: files by their bytes, everything else as text.</summary>
internal sealed class FormFields
{
    private readonly Dictionary<string, string> _texts = [];
    private readonly List<(string Name, long Length)> _files = [];

    /// <summary>Reads a form whose boundary is in its first line.</summary>
    public static FormFields Read(in ReadOnlySequence<byte> body)
    {
        var bytes = body.ToArray();
        var line = bytes.AsSpan().IndexOf("\r\n"u8);
        if (line < 3 || !bytes.AsSpan().StartsWith("--"u8))
            throw new InvalidDataException("The body is no form.");
        var fields = new FormFields();
        var reader = new MultipartReader(Encoding.ASCII.GetString(bytes, 2, line - 2), new MemoryStream(bytes));
        while (reader.ReadNextSectionAsync().GetAwaiter().GetResult() is { } section)   // memory: nothing is waited for
            fields.Take(section);
        return fields;
    }

    public string Text(string name) => _texts.GetValueOrDefault(name, "");

    public long BytesOf(string name) => _files.Where(file => file.Name == name || file.Name == name + "[]").Sum(file => file.Length);

    private void Take(MultipartSection section)
    {
        using var content = new MemoryStream();
        section.Body.CopyTo(content);
        var disposition = ContentDispositionHeaderValue.Parse(section.ContentDisposition);
        var name = HeaderUtilities.RemoveQuotes(disposition.Name).ToString();
        if (disposition.IsFileDisposition())
            _files.Add((name, content.Length));
        else
            _texts[name] = Encoding.UTF8.GetString(content.ToArray());
    }
}
