using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace Quota.Gateway.Tests.Providers.OpenAi;

/// <summary>Forms as clients send them, and audio to put into them.</summary>
internal static class Forms
{
    public const string Boundary = "xQzT0";

    public const string ContentType = "multipart/form-data; boundary=" + Boundary;

    /// <summary>A form with text fields, and files under the names that begin with <c>@</c>.</summary>
    public static byte[] Of(params (string Name, string Value)[] fields) => Encoding.UTF8.GetBytes(
        string.Concat(fields.Select(field => $"--{Boundary}\r\n" + (field.Name.StartsWith('@')
            ? $"Content-Disposition: form-data; name=\"{field.Name[1..]}\"; filename=\"a.bin\"\r\nContent-Type: application/octet-stream\r\n\r\n"
            : $"Content-Disposition: form-data; name=\"{field.Name}\"\r\n\r\n") + field.Value + "\r\n")) + $"--{Boundary}--\r\n");

    /// <summary>The framework's own form, with one file.</summary>
    public static MultipartFormDataContent Http(string file, byte[] bytes, params (string Name, string Value)[] fields)
    {
        var form = new MultipartFormDataContent { { new ByteArrayContent(bytes), file, "a.bin" } };
        foreach (var (name, value) in fields)
            form.Add(new StringContent(value), name);
        return form;
    }

    /// <summary>A WAV file of silence: 16,000 samples a second of two bytes each.</summary>
    public static byte[] Wav(int seconds)
    {
        const int rate = 32_000;
        var file = new byte[44 + seconds * rate];
        Encoding.ASCII.GetBytes("RIFF....WAVEfmt ").CopyTo(file, 0);
        var header = file.AsSpan();
        BinaryPrimitives.WriteInt32LittleEndian(header[16..], 16);
        BinaryPrimitives.WriteInt16LittleEndian(header[20..], 1);
        BinaryPrimitives.WriteInt16LittleEndian(header[22..], 1);
        BinaryPrimitives.WriteInt32LittleEndian(header[24..], 16_000);
        BinaryPrimitives.WriteInt32LittleEndian(header[28..], rate);
        BinaryPrimitives.WriteInt16LittleEndian(header[34..], 16);
        return file;
    }

    public static string Text(int count, char of = 'x') => new(of, count);

    public static decimal Money(string? text) => decimal.Parse(text!, CultureInfo.InvariantCulture);
}
